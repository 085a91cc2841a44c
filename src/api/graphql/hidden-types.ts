import { inTransaction, type Pool } from '../../db/connection/pool.ts';
import { TYPE_SCHEMAS } from './schema-cache.ts';

/** A column or function of the schema `howdah` that GraphQL leaves out because of a type. */
export type HiddenType = {
  object: string;
  type: string;
  /** The object to move: a relation, when the type is its row type. */
  kind: 'type' | 'table' | 'view' | 'materialized view' | 'foreign table';
};

/**
 * Finds the columns and functions that the application may use and that have no field in GraphQL,
 * because a type of theirs is in a schema that the introspection does not read. `added` are the
 * schemas that were added to it.
 */
export async function findHiddenTypes(pool: Pool, added: readonly string[]): Promise<HiddenType[]> {
  return inTransaction(pool, async (client) => {
    await client.query('set local role howdah_app');
    return (await client.query<HiddenType>(HIDDEN_TYPES, [added])).rows;
  });
}

/** Says which field is missing, why, and which statement brings it back. */
export function describeHiddenType({ object, type, kind }: HiddenType): string {
  return (
    `GraphQL omits ${object}: its type ${type} is neither in the schema howdah nor in an extension. ` +
    `Move the type and restart the API: alter ${kind} ${type} set schema howdah;`
  );
}

const HIDDEN_TYPES = `
  with used as (
    select format('the column %s.%I', c.oid::regclass, a.attname) as object, a.atttypid as type
    from pg_catalog.pg_class as c
    join pg_catalog.pg_attribute as a on a.attrelid = c.oid
    where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p', 'v', 'm', 'f')
      and a.attnum > 0 and not a.attisdropped
      and has_column_privilege(c.oid, a.attnum, 'select, insert, update')
    union
    select format('the function %s', p.oid::regprocedure), t.type
    from pg_catalog.pg_proc as p
    cross join lateral unnest(
      p.prorettype || coalesce(p.proallargtypes, p.proargtypes::oid[])
    ) as t (type)
    where p.pronamespace = 'howdah'::regnamespace and has_function_privilege(p.oid, 'execute')
  )
  select u.object, format_type(coalesce(e.oid, t.oid), null) as type,
    case c.relkind when 'r' then 'table' when 'p' then 'table' when 'v' then 'view'
      when 'm' then 'materialized view' when 'f' then 'foreign table' else 'type' end as kind
  from used as u
  join pg_catalog.pg_type as t on t.oid = u.type
  left join pg_catalog.pg_type as e on e.typarray = t.oid
  left join pg_catalog.pg_class as c on c.oid = coalesce(e.typrelid, t.typrelid)
  where t.typnamespace not in (select oid from pg_catalog.pg_namespace where ${TYPE_SCHEMAS})
    and t.typnamespace not in (select oid from pg_catalog.pg_namespace where nspname = any ($1))
    and t.typnamespace <> 'information_schema'::regnamespace
  order by 1, 2`;
