import type { Pool, Queryable } from '../../../db/connection/pool.ts';
import type { Finding } from '../finding.ts';

// What one tenant's queries and logins can take from all: time, disk, locks.

/** The maximum time limit of a query of a model or a map, in seconds. */
const MAX_SECONDS = 60;

/**
 * Checks for statements that run for more than twice their limit: queries of models and maps, and
 * statements of logins of tenants. PostgreSQL could not interrupt them.
 */
export async function stuckStatementsFinding(
  db: Queryable,
  mostSeconds = MAX_SECONDS,
): Promise<Finding> {
  const check = 'stuck statements';
  const { rows } = await db.query<{ pid: number; login: string; seconds: number }>(
    `select a.pid, a.usename as login, extract(epoch from s.age)::int as seconds
     from pg_catalog.pg_stat_activity as a
     cross join lateral (select clock_timestamp() - a.query_start as age) as s
     where a.datname = current_database() and a.state = 'active'
       and a.pid <> pg_catalog.pg_backend_pid()
       and s.age > 2 * case when a.application_name = 'howdah-queries'
         then make_interval(secs => $1)
         else (
           select nullif(split_part(c.setting, '=', 2), '0')::interval
           from howdah_private.login_tenants as l
           join pg_catalog.pg_db_role_setting as r on r.setrole = a.usesysid
           cross join unnest(r.setconfig) as c (setting)
           where l.login = a.usename and split_part(c.setting, '=', 1) = 'statement_timeout'
           limit 1
         ) end
     order by s.age desc`,
    [mostSeconds],
  );
  if (rows.length === 0) return { check, ok: true, found: 'none' };
  const list = rows.map(({ pid, login, seconds }) => `process ${pid} of ${login} for ${seconds} s`);
  return {
    check,
    ok: false,
    found: `beyond twice the limit: ${list.join(', ')}`,
    fix: `select pg_terminate_backend(${rows[0]?.pid}); if it goes on, restart PostgreSQL`,
  };
}

/** Checks that the server limits temporary files, which queries could fill the disk with. */
export async function temporaryFilesFinding(db: Queryable): Promise<Finding> {
  const check = 'temporary files';
  const { rows } = await db.query<{ login: string }>(
    `select r.rolname as login from pg_catalog.pg_roles as r
     where (select s.reset_val from pg_catalog.pg_settings as s where s.name = 'temp_file_limit') = '-1'
       and r.rolcanlogin and (r.rolname = current_user or not r.rolsuper and (
         pg_catalog.pg_has_role(r.oid, 'howdah_worker', 'member')
         or pg_catalog.pg_has_role(r.oid, 'howdah_app', 'member')
         or exists (select from howdah_private.login_tenants as l where l.login = r.rolname)))
       and not exists (
         select from pg_catalog.pg_db_role_setting as s cross join unnest(s.setconfig) as c (setting)
         where s.setrole = r.oid and c.setting ~ '^temp_file_limit=(?!-1$)')
     order by 1`,
  );
  if (rows.length === 0) return { check, ok: true, found: 'limited' };
  const names = rows.map(({ login }) => login);
  return {
    check,
    ok: true,
    found: `not limited for ${names.join(', ')}: a query may fill the disk, which stops PostgreSQL`,
    fix: `As a superuser: ${names.map((name) => `alter role ${name} set temp_file_limit = '1GB'`).join('; ')}`,
  };
}

/** Checks what a direct login of any role can use up, and so stop for everybody. */
export async function sharedResourcesFinding(pool: Pool): Promise<Finding> {
  const check = 'shared resources';
  const { rows } = await pool.query<{ open: string[] }>(
    `select array(
       select v.name from (values
         ('advisory locks', exists (
           select from howdah_private.functions_of_shared_resources() as f
           where f::text ~ 'advisory' and pg_catalog.has_function_privilege('public', f, 'execute'))),
         ('large objects', exists (
           select from howdah_private.functions_of_shared_resources() as f
           where f::text ~ '^lo_' and pg_catalog.has_function_privilege('public', f, 'execute'))),
         ('temporary tables',
           pg_catalog.has_database_privilege('public', current_database(), 'temporary'))
       ) as v (name, is_open) where v.is_open) as open`,
  );
  const open = rows[0]?.open ?? [];
  if (open.length === 0) return { check, ok: true, found: 'closed to logins of viewers' };
  return {
    check,
    ok: true,
    found: `each direct login may use up ${open.join(', ')}, which can stop the server for everybody`,
    fix: 'As a superuser, if no other application in this database needs them: select howdah_private.restrict_shared_resources()',
  };
}
