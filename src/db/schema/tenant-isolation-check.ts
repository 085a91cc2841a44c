import type { Pool } from '../connection/pool.ts';

/**
 * A gap in the catalogue that lets a tenant see more than its own rows, and the statement that
 * closes the gap.
 */
export type Gap = { object: string; fault: string; fix: string };

/**
 * Finds gaps of the isolation of tenants in the catalogue: row-level security that is off or does
 * not apply to the owner; a policy of others that adds rows; a view that reads as its owner;
 * missing privileges of howdah_writer on a watched table; a privilege of howdah_tool on a column.
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
    select r.relation::text, 'howdah_writer lacks privileges on a watched table', r.statement
    from howdah_private.writer_grant_statements() as r
    union all
    select a.attrelid::regclass::text, 'howdah_tool, which SQL of tools runs as, has a privilege of its own on a column',
      format('revoke %s (%I) on %s from howdah_tool', lower(x.privilege_type), a.attname, a.attrelid::regclass)
    from pg_attribute as a cross join lateral aclexplode(a.attacl) as x
    where a.attacl is not null and not a.attisdropped and x.grantee = 'howdah_tool'::regrole
    order by object, fault`);
  return rows;
}
