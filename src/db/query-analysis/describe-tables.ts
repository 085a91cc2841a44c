import type {
  ReadableColumn,
  ReadableTable,
  ReadRequest,
  Rows,
} from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { JsonObject } from '../../json/json.ts';
import { truncate } from '../../text/truncate.ts';
import { quoteName, quoteText } from '../connection/pool.ts';
import type { ReadQuery } from './parse.ts';

/** A function that runs a query of ours with the rights of queries of models, in any database. */
export type ReadOurs = (
  request: ReadRequest & { query: string },
  parsed: ReadQuery,
) => Promise<Outcome<Rows>>;

/** The maximum number of tables in one description. */
const MAX_TABLES = 200;
/** The maximum number of tables, requested by name, whose values are sampled. */
const MAX_SAMPLED = 5;
const SAMPLED_ROWS = 30;
const SAMPLES = 3;
const SAMPLE_CHARACTERS = 40;
const SAMPLE_LIMITS = { rows: SAMPLED_ROWS, bytes: 1_000_000, cost: 100_000, timeoutMs: 2_000 };

/**
 * Describes the tables that a query may read, as howdah_reader sees them, in the schemas of the
 * request. Returns the tables in `names` (`orders`, `shop.orders`), or all tables if there are no
 * names. Sample values come from rows that the reader may read, so they belong to its tenant where
 * rows have a tenant.
 */
export async function describeTables(
  read: ReadOurs,
  request: ReadRequest,
  names: readonly string[],
): Promise<Outcome<ReadableTable[]>> {
  const text = tablesQuery(request.schemas ?? [], names);
  const limits = { ...request.limits, rows: MAX_TABLES, bytes: 4_000_000, cost: null };
  const found = await read({ ...request, limits, query: text }, { text, calls: null, tables: [] });
  if (!found.ok) return found;
  const tables = found.value.rows as unknown as ReadableTable[];
  const sampled = names.length > 0 ? tables.slice(0, MAX_SAMPLED) : [];
  for (const table of sampled) await addSamples(read, request, table);
  return { ok: true, value: tables };
}

/**
 * Adds sample values to the columns. Adds none if values cannot be read soon, such as from a slow
 * view.
 */
async function addSamples(
  read: ReadOurs,
  request: ReadRequest,
  table: ReadableTable,
): Promise<void> {
  const columns = table.columns.map(
    ({ name }) => `left(${quoteName(name)}::text, ${SAMPLE_CHARACTERS + 1}) as ${quoteName(name)}`,
  );
  const text = `select ${columns.join(', ')} from ${quoteName(table.schema)}.${quoteName(table.name)} limit ${SAMPLED_ROWS}`;
  const sampleRequest = { ...request, limits: SAMPLE_LIMITS, query: text };
  const found = await read(sampleRequest, { text, calls: [], tables: [] });
  if (!found.ok) return;
  for (const column of table.columns) column.samples = samplesOf(found.value.rows, column);
}

function samplesOf(rows: readonly JsonObject[], { name }: ReadableColumn): string[] {
  const values = rows.map((row) => row[name]).filter((value) => typeof value === 'string');
  return [...new Set(values)].slice(0, SAMPLES).map((value) => truncate(value, SAMPLE_CHARACTERS));
}

/**
 * Returns the query for the tables. It has no row estimate for a table with row-level security,
 * because the estimate would count the rows of other tenants.
 */
function tablesQuery(schemas: readonly string[], names: readonly string[]): string {
  const list = (texts: readonly string[]) => `array[${texts.map(quoteText).join(', ')}]::text[]`;
  const named = `lower(c.relname) = any (${list(names)}) or lower(n.nspname || '.' || c.relname) = any (${list(names)})`;
  return `select n.nspname as schema, c.relname as name, c.relkind in ('v', 'm') as is_view,
      obj_description(c.oid, 'pg_class') as comment,
      case when c.reltuples >= 0 and c.relkind in ('r', 'm', 'f') and not c.relrowsecurity then c.reltuples::int8 end as row_estimate,
      (select json_agg(json_build_object(
          'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'comment', col_description(c.oid, a.attnum),
          'is_required', a.attnotnull, 'is_key', exists (
            select from pg_constraint as k where k.conrelid = c.oid and k.contype = 'p' and a.attnum = any (k.conkey)),
          'refers_to', (
            select concat_ws('.', fn.nspname, fc.relname, fa.attname)
              || case when cardinality(k.conkey) > 1 then format(' (one of %s columns)', cardinality(k.conkey)) else '' end
            from pg_constraint as k join pg_class as fc on fc.oid = k.confrelid
            join pg_namespace as fn on fn.oid = fc.relnamespace
            join pg_attribute as fa on fa.attrelid = fc.oid and fa.attnum = k.confkey[array_position(k.conkey, a.attnum)]
            where k.conrelid = c.oid and k.contype = 'f' and a.attnum = any (k.conkey) and fn.nspname = any (${list(schemas)})
            order by cardinality(k.conkey), k.oid limit 1)
        ) order by a.attnum)
        from pg_attribute as a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
          and has_column_privilege(c.oid, a.attnum, 'select')) as columns
    from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname = any (${list(schemas)}) and c.relkind in ('r', 'p', 'v', 'm', 'f') and not c.relispartition
      and has_schema_privilege(n.oid, 'usage') and has_any_column_privilege(c.oid, 'select')
      ${names.length > 0 ? `and (${named})` : ''}
    order by 1, 2`;
}
