import { type Queryable, quoteName } from '../connection/pool.ts';
import { type JsonPage, jsonPage, jsonRow } from './json-rows.ts';

/** A table as a collection of rows that programs read and write one by one. */
export type Collection = Readonly<{
  /** The name of a table of the schema `howdah`. */
  table: string;
  /** The column of the id, if it has another name than `id`. */
  id?: string;
  /** The columns that are shown of a row, as a select list over `t`. */
  shown: string;
  /**
   * The value from which the tag is made, as an expression over `t`. The default is all that is
   * shown.
   */
  stamp?: string;
  /** The condition for rows that are not deleted, if deleted rows are kept. */
  living?: string;
  /**
   * True if the table grows with the runs. Lists then name the tenant as a value. Row security
   * calls a function for it, so the planner takes every tenant for an average one.
   */
  isLarge?: boolean;
}>;

/** A row as it is shown, and the tag of its state. */
export type TaggedRow = { row: Record<string, unknown> & { id: string }; tag: string };

/**
 * A condition with places for its value, such as `t.name = ?`. `now` is implied by it for the rows
 * that exist now, and served by an index. Only lists that are read once have it.
 */
export type Condition = readonly [sql: string, value: unknown, now?: Condition];

/** Returns the id of a row, as an expression over `t`. */
export const idOf = ({ id = 'id' }: Pick<Collection, 'id'>) => `t.${id}`;
const tagOf = ({ stamp, shown }: Collection) =>
  stamp === undefined
    ? `(select md5(s::text) from (select ${shown}) as s)`
    : `md5(concat_ws(' ', t.id, ${stamp}))`;
const rowsOf = (collection: Collection) =>
  `select ${collection.shown} from howdah.${quoteName(collection.table)} as t
   where ${collection.living ?? 'true'}`;

/** Reads a page of the rows before an id, the newest first, since ids grow with time. */
export async function listRows(
  client: Queryable,
  collection: Collection,
  { where, before, limit }: { where: readonly Condition[]; before?: string; limit: number },
): Promise<JsonPage<TaggedRow['row']>> {
  const all: readonly Condition[] = [
    ...(collection.isLarge ? [await ofTenant(client)] : []),
    ...where.flatMap(([sql, value, now]) => [[sql, value] as const, ...(now ? [now] : [])]),
    ...(before === undefined ? [] : ([[`${idOf(collection)} < ?::uuid`, before]] as const)),
  ];
  const conditions = all.map(([sql], index) => ` and ${sql.replaceAll('?', `$${index + 1}`)}`);
  const values = [...all.map(([, value]) => value), limit];
  const text = `${rowsOf(collection)}${conditions.join('')} order by ${idOf(collection)} desc limit $${values.length}`;
  return jsonPage(client, text, values);
}

/** Returns the condition that names the tenant as a value. */
async function ofTenant(client: Queryable): Promise<Condition> {
  const { rows } = await client.query<{ id: string }>('select howdah.current_tenant() as id');
  return ['t.tenant_id = ?', rows[0]?.id];
}

/** Reads the row of this id, or undefined if the caller sees no such row. */
export async function findRow(
  client: Queryable,
  collection: Collection,
  id: string,
): Promise<TaggedRow | undefined> {
  const text = `select ${collection.shown}, ${tagOf(collection)} as row_tag
    from howdah.${quoteName(collection.table)} as t
    where t.id = $1 and ${collection.living ?? 'true'}`;
  const found = await jsonRow<TaggedRow['row'] & { row_tag: string }>(client, text, [id]);
  if (!found) return undefined;
  const { row_tag: tag, ...row } = found;
  return { row, tag };
}

type Values = Readonly<Record<string, unknown>>;

/** Inserts a row. A column that is not named takes its default. Returns the id. */
export async function insertRow(
  client: Queryable,
  { table }: Collection,
  values: Values,
): Promise<string> {
  const columns = Object.keys(values).map(quoteName);
  const [into, of] = [columns.join(', '), columns.map((name) => `r.${name}`).join(', ')];
  const text =
    columns.length === 0
      ? `insert into howdah.${quoteName(table)} default values returning id`
      : `insert into howdah.${quoteName(table)} (${into})
         select ${of} from jsonb_populate_record(null::howdah.${quoteName(table)}, $1) as r returning id`;
  const made = columns.length === 0 ? [] : [JSON.stringify(values)];
  const { rows } = await client.query<{ id: string }>(text, made);
  return rows[0]?.id ?? '';
}

/**
 * Changes a row, and sets the columns in `defaults` to their default. Returns false if there is no
 * such row, or if its tag is another. The statement itself compares the tag, so of two callers with
 * the same tag only the first changes the row.
 */
export async function updateRow(
  client: Queryable,
  collection: Collection,
  id: string,
  { values, defaults = [], tag }: { values: Values; defaults?: readonly string[]; tag?: string },
): Promise<boolean> {
  const columns = Object.keys(values).map(quoteName);
  const table = `howdah.${quoteName(collection.table)}`;
  const changes = [
    ...(columns.length > 0
      ? [
          `(${columns.join(', ')}) = (select ${columns.map((name) => `r.${name}`).join(', ')}
           from jsonb_populate_record(null::${table}, $2) as r)`,
        ]
      : []),
    ...defaults.map((name) => `${quoteName(name)} = default`),
  ];
  const text = `update ${table} as t set ${changes.join(', ')}
    where t.id = $1 and ${collection.living ?? 'true'}
      and ($3::text is null or ${tagOf(collection)} = $3) and $2::jsonb is not null returning t.id`;
  const { rowCount } = await client.query(text, [id, JSON.stringify(values), tag ?? null]);
  return rowCount === 1;
}

/**
 * Updates a row without a change. The entity tag and the audit log then show a change of parts that
 * other tables have.
 */
export async function touchRow(
  client: Queryable,
  { table }: Collection,
  id: string,
): Promise<void> {
  await client.query(`update howdah.${quoteName(table)} as t set name = t.name where t.id = $1`, [
    id,
  ]);
}

/** Deletes a row. Returns false if there is no such row. */
export async function deleteRow(
  client: Queryable,
  collection: Collection,
  id: string,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `delete from howdah.${quoteName(collection.table)} as t where t.id = $1`,
    [id],
  );
  return rowCount === 1;
}

/** Locks a row for the rest of the transaction, if its state has this tag. Returns false if not. */
export async function lockRow(
  client: Queryable,
  collection: Collection,
  id: string,
  tag: string,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `select from howdah.${quoteName(collection.table)} as t
     where t.id = $1 and ${collection.living ?? 'true'} and ${tagOf(collection)} = $2 for update`,
    [id, tag],
  );
  return rowCount === 1;
}

/**
 * Runs what would wait for the commit, such as the creation of versions of agents. Later reads then
 * see what will be committed.
 */
export async function checkConstraints(client: Queryable): Promise<void> {
  await client.query('set constraints all immediate');
}
