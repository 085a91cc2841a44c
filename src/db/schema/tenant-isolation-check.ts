import type { Queryable } from '../connection/pool.ts';

/**
 * A gap in the catalogue that lets a tenant see or do more than its rights, and the statement that
 * closes the gap.
 */
export type Gap = { object: string; fault: string; fix: string };

/** The tables, views and functions that belong to Howdah. */
const OURS = `
  ours as (
    select c.oid, c.oid::regclass::text as name, c.relname, n.nspname as schema, c.relkind, c.relispartition,
      c.relrowsecurity, c.relforcerowsecurity, c.reloptions, c.relacl, c.relowner
    from pg_class as c
    join pg_namespace as n on n.oid = c.relnamespace
    where n.nspname in ('howdah', 'howdah_private') and c.relkind in ('r', 'p', 'v') and c.relowner = (
      select nspowner from pg_namespace where nspname = 'howdah')
      and c.oid is distinct from to_regclass('howdah_private.migrations')
  ),
  functions as (
    select p.oid, p.oid::regprocedure::text as name, p.proacl, p.prosecdef, p.proconfig, r.rolname as owner
    from pg_proc as p join pg_roles as r on r.oid = p.proowner
    where p.pronamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace)
      and exists (select from howdah_private.role_memberships() as m where m.role = r.rolname)
  )`;

/** Queries of gaps, each with the columns of `Gap`. */
const GAPS = [
  `select o.name as object, 'row-level security is off, or not forced' as fault,
     format('alter table %s enable row level security, force row level security', o.name) as fix
   from ours as o
   where o.relkind in ('r', 'p') and not (o.relrowsecurity and o.relforcerowsecurity)`,
  `select o.name, format('the policy %s adds rows', p.polname), format('drop policy %I on %s', p.polname, o.name)
   from pg_policy as p join ours as o on o.oid = p.polrelid
   where p.polpermissive and p.polname not in ('tenant', 'engine', 'operator', 'eraser', 'inserter')`,
  // a dropped policy hides rows; a changed one may show them
  `select o.name, format('the policy %s was changed', p.polname),
     format('drop policy %I on %s; delete from howdah_private.applied_sql; then npx howdah migrate up', p.polname, o.name)
   from pg_policy as p
   join ours as o on o.oid = p.polrelid
   join (values ('tenant', '{howdah_app,howdah_viewer}'::name[]), ('engine', '{howdah_engine}'),
     ('operator', '{howdah_owner}'), ('eraser', '{howdah_eraser}'), ('inserter', '{howdah_inserter}')) as k (name, roles) on k.name = p.polname
   where array(select r.rolname from pg_roles as r where r.oid = any (p.polroles) order by 1) <> k.roles
     or p.polcmd <> '*'
     or (p.polname in ('tenant', 'inserter') and pg_get_expr(p.polqual, p.polrelid) !~ 'current_tenant'
       and exists (select from pg_attribute as a where a.attrelid = p.polrelid and a.attname = 'tenant_id'))`,
  `select o.name, 'reads as its owner', format('alter view %s set (security_invoker = true)', o.name)
   from ours as o
   where o.relkind = 'v' and not coalesce('security_invoker=true' = any (o.reloptions), false)`,
  `select o.name, format('the trigger %s is disabled', t.tgname),
     format('alter table %s enable trigger %I', o.name, t.tgname)
   from pg_trigger as t join ours as o on o.oid = t.tgrelid
   where t.tgenabled not in ('O', 'A') and t.tgparentid = 0`,
  `select 'howdah.' || p.object, 'no trigger checks who may ' || string_agg(p.action, ' and ') || ' it',
     'delete from howdah_private.applied_sql; then npx howdah migrate up'
   from howdah_private.permission_rows() as p
   where p.action <> 'read' and not exists (
     select from pg_trigger as t join ours as o on o.oid = t.tgrelid
     where o.schema = 'howdah' and o.relname = p.object and t.tgname = '_010_permit')
   group by p.object`,
  // inserts and updates of the application are granted column by column; other roles only read
  `select o.name, format('%s may %s it', coalesce(r.rolname, 'everybody'), lower(a.privilege_type)),
     format('revoke %s on %s from %s', lower(a.privilege_type), o.name, coalesce(quote_ident(r.rolname), 'public'))
   from ours as o cross join aclexplode(o.relacl) as a left join pg_roles as r on r.oid = a.grantee
   where a.grantee = 0 or (o.schema = 'howdah_private' and a.grantee <> o.relowner
       and r.rolname in ('howdah_app', 'howdah_analyst', 'howdah_authenticator', 'howdah_inserter', 'howdah_reader', 'howdah_tool', 'howdah_viewer', 'howdah_worker', 'howdah_writer'))
     or (r.rolname in ('howdah_analyst', 'howdah_authenticator', 'howdah_inserter', 'howdah_reader', 'howdah_tool', 'howdah_viewer', 'howdah_worker', 'howdah_writer')
       and a.privilege_type <> 'SELECT')
     or (r.rolname = 'howdah_app' and a.privilege_type not in ('SELECT', 'DELETE'))`,
  `select a.attrelid::regclass::text, format('%s may %s the column %s', coalesce(r.rolname, 'everybody'), lower(x.privilege_type), a.attname),
     format('revoke %s (%I) on %s from %s', lower(x.privilege_type), a.attname, o.name, coalesce(quote_ident(r.rolname), 'public'))
   from pg_attribute as a
   join ours as o on o.oid = a.attrelid
   cross join aclexplode(a.attacl) as x
   left join pg_roles as r on r.oid = x.grantee
   where x.grantee = 0
     or (x.privilege_type <> 'SELECT' and r.rolname like 'howdah\\_%' and r.rolname not in ('howdah_app', 'howdah_eraser', 'howdah_engine', 'howdah_owner')
       and not (r.rolname = 'howdah_inserter' and x.privilege_type = 'INSERT' and (o.schema, o.relname) = ('howdah', 'executions')))`,
  `select f.name, 'everybody may call it', format('revoke execute on routine %s from public', f.name)
   from functions as f
   where f.proacl is null or exists (select from aclexplode(f.proacl) as a where a.grantee = 0)`,
  `select f.name, 'has the rights of its owner, and no search_path of its own',
     format('alter function %s set search_path = pg_catalog, pg_temp', f.name)
   from functions as f
   where f.prosecdef and not coalesce('search_path=pg_catalog, pg_temp' = any (f.proconfig), false)`,
  `select r.relation::text, 'howdah_writer lacks privileges on a watched table', r.statement
   from howdah_private.writer_grant_statements() as r`,
  // of tables of the application too
  `select a.attrelid::regclass::text, 'howdah_tool, which SQL of tools runs as, has a privilege of its own on a column',
     format('revoke %s (%I) on %s from howdah_tool', lower(x.privilege_type), a.attname, a.attrelid::regclass)
   from pg_attribute as a cross join lateral aclexplode(a.attacl) as x
   where a.attacl is not null and not a.attisdropped and x.grantee = 'howdah_tool'::regrole`,
];

/**
 * Finds gaps of the isolation of tenants in the catalogue: row-level security that is off or does
 * not apply to the owner; policies that add rows or were changed; views that read as their owner;
 * disabled or missing triggers; privileges that sql/90_grants.sql does not grant; functions that
 * everybody may call, or that run with the rights of their owner without a search_path.
 */
export async function isolationGaps(db: Queryable): Promise<Gap[]> {
  const { rows } = await db.query(
    `with ${OURS} ${GAPS.join(' union all ')} order by object, fault`,
  );
  return rows as Gap[];
}
