import type { Client } from '../connection/pool.ts';

/** The oldest server version whose catalogue and JSON the checks can use. */
const OLDEST = 120_000;

/** Roles with rights beyond tables: on files, programs, other sessions, or all written data. */
const STRONG = [
  'pg_read_server_files',
  'pg_write_server_files',
  'pg_execute_server_program',
  'pg_write_all_data',
  'pg_signal_backend',
  'pg_maintain',
  'pg_create_subscription',
  'rds_superuser',
  'cloudsqlsuperuser',
  'alloydbsuperuser',
  'azure_pg_admin',
];

const LOGIN = `
  select current_setting('server_version_num')::int as version, case
    when r.rolsuper then 'is a superuser'
    when r.rolcreaterole then 'may make roles'
    when r.rolreplication then 'may copy the whole server'
    else coalesce(
      (select 'is a member of ' || p.rolname from pg_roles as p
       where p.rolname = any ($1::text[]) and pg_has_role(r.oid, p.oid, 'member') limit 1),
      (select 'may write ' || case when n.nspname = any ($2::text[]) then format('%I.%I', n.nspname, c.relname) else 'in other schemas' end
       from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p', 'v', 'f') and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
         and has_schema_privilege(n.oid, 'usage')
         and (has_table_privilege(c.oid, 'insert, update, delete, truncate') or has_any_column_privilege(c.oid, 'insert, update'))
       order by 1 limit 1))
    end as strength
  from pg_roles as r where r.rolname = current_user`;

/**
 * Returns why the login is rejected: the login may do more than read. Returns undefined for a login
 * that may only read. Names a table only if its schema is in `schemas`.
 */
export async function faultOfLogin(
  client: Client,
  schemas: readonly string[] | null,
): Promise<string | undefined> {
  const { rows } = await client.query<{ version: number; strength: string | null }>({
    text: LOGIN,
    values: [STRONG, schemas ?? []],
  });
  const [login] = rows;
  if (!login) return 'its login cannot be checked';
  return faultOfServer(login.version, login.strength);
}

/** Returns why a server version or the strength of a login is rejected, or undefined. */
export function faultOfServer(version: number, strength: string | null): string | undefined {
  if (version < OLDEST) {
    return `its server is PostgreSQL ${Math.floor(version / 10_000)}; version ${OLDEST / 10_000} or newer is required`;
  }
  return strength === null
    ? undefined
    : `its login ${strength}: use a login that can only read what agents may read`;
}
