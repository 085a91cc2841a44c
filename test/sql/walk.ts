import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { all } from './support.ts';

/** What there is to be walked by one tenant against the rows of another, asked of the catalogue. */

/** Ids of the newest rows of a tenant, by table; a log that notes the other rows has more than there is to learn from. */
export async function rowsOf(pool: pg.Pool, tenant: string, most: number) {
  const tables = await all(
    pool,
    `select c.relname as name from pg_class as c join pg_attribute as x on x.attrelid = c.oid and x.attname = 'id'
     join pg_attribute as t on t.attrelid = c.oid and t.attname = 'tenant_id'
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
  );
  const rows: Record<string, string[]> = {};
  for (const { name } of tables) {
    const found = await all(
      pool,
      `select id from howdah.${name} where tenant_id = $1 order by id desc limit $2`,
      [tenant, most],
    );
    rows[name] = found.map(({ id }) => id);
  }
  return rows;
}

export type Relation = { name: string; columns: string[]; ids: string[] };

/** Tables and views with the columns a tenant has the privilege on, and those of them that hold ids. */
export function columnsFor(pool: pg.Pool, privilege: 'select' | 'insert' | 'update') {
  return all<Relation>(
    pool,
    `select c.relname as name, array_agg(x.attname::text order by x.attnum) as columns,
       coalesce(array_agg(x.attname::text order by x.attnum) filter (
         where x.attname <> 'tenant_id' and 'uuid'::regtype in (t.oid, t.typbasetype)), '{}') as ids
     from pg_class as c join pg_attribute as x on x.attrelid = c.oid and x.attnum > 0 and not x.attisdropped
     join pg_type as t on t.oid = x.atttypid
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p', 'v') and not c.relispartition
       and has_column_privilege('howdah_app', c.oid, x.attnum, $1)
     group by 1 order by 1`,
    [privilege],
  );
}

/** Tables a tenant may delete from. */
export async function deletableTables(pool: pg.Pool): Promise<string[]> {
  const rows = await all(
    pool,
    `select relname as name from pg_class where relnamespace = 'howdah'::regnamespace and relkind in ('r', 'p')
       and has_table_privilege('howdah_app', oid, 'delete') order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** Ids that could stand in a column of this name: of the rows it would refer to, else of all. */
export function idsFor(rows: Record<string, string[]>, column: string): string[] {
  const kind = column.replace(/^(parent|root|compensation)_/, '').replace(/_id$/, 's');
  return rows[kind] ?? Object.values(rows).flat();
}

/** An id of the time of another, that is nowhere. */
export const idLike = (id: string): string => id.slice(0, 15) + randomUUID().slice(15);

export type Callable = { signature: string; name: string; types: string[] };

/** Functions a tenant may call with an id or a name. */
export async function callables(pool: pg.Pool): Promise<Callable[]> {
  const functions = await all(
    pool,
    `select p.oid::regprocedure::text as signature, n.nspname || '.' || p.proname as name,
       array(select t::regtype::text from unnest(p.proargtypes) as t) as types
     from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
     where n.nspname in ('howdah', 'howdah_private') and p.prorettype <> 'trigger'::regtype and p.prokind <> 'p'
       and p.proname <> 'is_uuid_v7' and has_function_privilege('howdah_app', p.oid, 'execute') order by 1`,
  );
  return functions.filter(({ types }) =>
    types.some((type: string) => /^(uuid|text)$/.test(type)),
  ) as Callable[];
}

/** Where any word would be refused for itself. */
const WORDS: Record<string, string> = {
  'howdah_private.permit_agent': 'run',
  'howdah_private.permit_control': 'execution',
};

/** Arguments for a function: the id or the word in question, else anything that fits. */
export function argumentsFor({ name, types }: Callable, id: string, word: string): unknown[] {
  return types.map((type) => {
    if (type === 'uuid') return id;
    if (type === 'uuid[]') return [id];
    if (type === 'text') return WORDS[name] ?? word;
    if (type === 'jsonb') return '{}';
    if (type === 'integer') return 1;
    return null;
  });
}

export function callOf({ name, types }: Callable): string {
  return `select * from ${name}(${types.map((type, index) => `$${index + 1}::${type}`).join(', ')})`;
}
