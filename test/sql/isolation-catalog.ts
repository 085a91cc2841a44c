import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { all } from './support.ts';

// Reads from the catalogue what one tenant can try against the rows of another tenant.

/** Returns the ids of a tenant's newest rows, by table. `most` limits the rows of each table. */
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

/**
 * Returns the tables and views with the columns on which a tenant has the privilege, and with those
 * of them that contain ids.
 */
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

/** Returns the tables from which a tenant may delete. */
export async function deletableTables(pool: pg.Pool): Promise<string[]> {
  const rows = await all(
    pool,
    `select relname as name from pg_class where relnamespace = 'howdah'::regnamespace and relkind in ('r', 'p')
       and has_table_privilege('howdah_app', oid, 'delete') order by 1`,
  );
  return rows.map(({ name }) => name);
}

/**
 * Returns ids for a column of this name: those of the table to which it would refer, else those of
 * all tables.
 */
export function idsFor(rows: Record<string, string[]>, column: string): string[] {
  const kind = column.replace(/^(parent|root|compensation)_/, '').replace(/_id$/, 's');
  return rows[kind] ?? Object.values(rows).flat();
}

/** Returns an id with the time of another id, which exists nowhere. */
export const absentId = (id: string): string => id.slice(0, 15) + randomUUID().slice(15);

export type Callable = {
  signature: string;
  name: string;
  isProcedure: boolean;
  types: string[];
  /** Whether each argument is a row. Callers can make up rows. */
  rows: boolean[];
};

/** Types that can contain an id or a name. */
const ID_TYPES = /^(uuid|text|jsonb|name)(\[\])?$/;

/**
 * Returns the functions and procedures that a tenant may call with an id, a name, JSON or a row.
 */
export async function callables(pool: pg.Pool): Promise<Callable[]> {
  const functions = await all<Callable>(
    pool,
    `select p.oid::regprocedure::text as signature, n.nspname || '.' || p.proname as name, p.prokind = 'p' as "isProcedure",
       array(select a.type::regtype::text from unnest(p.proargtypes) with ordinality as a (type, place) order by a.place) as types,
       array(select t.typtype = 'c' from unnest(p.proargtypes) with ordinality as a (type, place)
         join pg_type as t on t.oid = a.type order by a.place) as rows
     from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
     where n.nspname in ('howdah', 'howdah_private') and p.prorettype <> 'trigger'::regtype
       and p.proname <> 'is_uuid_v7' and has_function_privilege('howdah_app', p.oid, 'execute') order by 1`,
  );
  return functions.filter(
    ({ types, rows }) => types.some((type) => ID_TYPES.test(type)) || rows.includes(true),
  );
}

/** Arguments of functions that accept only certain words. */
const FIXED_WORDS: Record<string, string> = {
  'howdah_private.check_agent_right': 'run',
  'howdah_private.check_control_right': 'execution',
};

/**
 * Returns JSON that has the id and the word in all keys in which a function might look for them.
 */
const forgedJson = (id: string, word: string, tenant: string): string =>
  JSON.stringify({
    ...{ id, tenant_id: tenant, name: word, agent: word, workflow: word, model: word },
    ...{ tool: word, secret: word, secret_name: word, agents: { [word]: {} } },
    ...{
      models: { [word]: {} },
      tools: { [word]: {} },
      workflows: { [word]: { members: [word] } },
    },
    ...{ prompts: { [word]: {} }, skills: { [word]: {} }, mcp_servers: { [word]: {} } },
    ...Object.fromEntries(
      'agent workflow session execution model tool user secret server prompt skill member_workflow root_execution agent_system'
        .split(' ')
        .map((one) => [`${one}_id`, id]),
    ),
  });

/**
 * Returns arguments for a function: the id or the word where they fit, otherwise any value. JSON is
 * empty, or forged for `tenant`.
 */
export function argumentsFor(
  { name, types, rows }: Callable,
  id: string,
  word: string,
  tenant?: string,
): unknown[] {
  const json = tenant === undefined ? '{}' : forgedJson(id, word, tenant);
  return types.map((type, place) => {
    if (type === 'uuid') return id;
    if (type === 'uuid[]') return [id];
    if (type === 'text' || type === 'name') return FIXED_WORDS[name] ?? word;
    if (type === 'text[]') return [word];
    if (type === 'jsonb' || rows[place]) return json;
    if (type === 'jsonb[]') return [json];
    if (type === 'integer') return 1;
    return null;
  });
}

export function callStatement({ name, types, rows, isProcedure }: Callable): string {
  const values = types.map((type, place) =>
    rows[place]
      ? `jsonb_populate_record(null::${type}, $${place + 1}::jsonb)`
      : `$${place + 1}::${type}`,
  );
  return `${isProcedure ? 'call' : 'select * from'} ${name}(${values.join(', ')})`;
}
