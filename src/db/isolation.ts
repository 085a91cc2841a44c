import type { Pool } from './pool.ts';

/** Something in the catalogue that lets a tenant see more than its rows, and the statement that mends it. */
export type Gap = { object: string; fault: string; fix: string };

/**
 * Finds gaps of the isolation of tenants in the catalogue: row-level security that is off or does
 * not hold for the owner; a policy of others that adds rows; a view that reads as its owner; a
 * watched table that SQL of tools may read; a unique key without the tenant that has no index with
 * the tenant beside it. A look-up by such a key finds a row of another tenant before its tenant is
 * known, which takes longer than finding none.
 */
export async function isolationGaps(pool: Pool): Promise<Gap[]> {
  const { rows } = await pool.query<Gap>(`
    with ours as (
      select c.oid, c.oid::regclass::text as name, c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions
      from pg_class as c
      join pg_namespace as n on n.oid = c.relnamespace
      where n.nspname in ('howdah', 'howdah_private') and c.relowner = (
        select nspowner from pg_namespace where nspname = 'howdah')
        and c.oid is distinct from to_regclass('howdah_private.migrations')
    ),
    keys as (
      select i.indrelid, i.indexrelid, i.indisunique, i.indisvalid, array(
        select a.attname::text from unnest(i.indkey[0 : i.indnkeyatts - 1]) with ordinality as k (attnum, place)
        join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.attnum
        order by k.place
      ) as columns
      from pg_index as i
      where i.indpred is null
    )
    select o.name as object, 'row-level security is off, or not forced' as fault,
      format('alter table %s enable row level security, force row level security', o.name) as fix
    from ours as o
    where o.relkind in ('r', 'p') and not (o.relrowsecurity and o.relforcerowsecurity)
    union all
    select o.name, format('the policy %s adds rows', p.polname), format('drop policy %I on %s', p.polname, o.name)
    from pg_policy as p
    join ours as o on o.oid = p.polrelid
    where p.polpermissive and p.polname not in ('tenant', 'engine', 'operator', 'eraser')
    union all
    select o.name, 'reads as its owner', format('alter view %s set (security_invoker = true)', o.name)
    from ours as o
    where o.relkind = 'v' and not coalesce('security_invoker=true' = any (o.reloptions), false)
    union all
    select o.name, format('no index looks for %s in a tenant', array_to_string(k.columns, ', ')),
      format('create index concurrently on %s (tenant_id, %s)', o.name, array_to_string(k.columns, ', '))
    from ours as o
    join keys as k on k.indrelid = o.oid and k.indisunique
    join pg_attribute as a on a.attrelid = o.oid and a.attname = 'tenant_id'
    where o.relkind = 'r' and has_any_column_privilege('howdah_app', o.oid, 'select') and 'tenant_id' <> all (k.columns)
      and not exists (
        select from keys as t
        where t.indrelid = o.oid and t.indisvalid and t.columns[1] = 'tenant_id' and t.columns @> k.columns)
    union all
    select r.relation::text, 'a role other than howdah_writer has privileges on a watched table, or howdah_writer lacks them', r.statement
    from howdah_private.writer_rights() as r
    order by object, fault`);
  return rows;
}
