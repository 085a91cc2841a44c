import type { Pool } from './pool.ts';

/** The connections to the server, and their limit. */
export type ConnectionUse = {
  /** The maximum number of connections for roles that are not superusers. */
  allowed: number;
  /**
   * Howdah processes on this database. Each API process has one LISTEN connection, and each worker
   * has one heartbeat connection.
   */
  apis: number;
  workers: number;
  /** Howdah connections for transactions of requests, opened by API processes or by a pooler. */
  requests: number;
  /** Connections of all other programs, including connections to other databases. */
  others: number;
};

/**
 * Reads the use of connections from the server. Settings of the server and connections of other
 * programs count, because all databases of the server share one maximum.
 */
export async function connectionUse(pool: Pool): Promise<ConnectionUse> {
  const { rows } = await pool.query<ConnectionUse>(
    `select current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
         - coalesce(current_setting('reserved_connections', true), '0')::int as allowed,
       count(*) filter (where is_ours and a.application_name = 'howdah-listen')::int as apis,
       count(*) filter (where is_ours and a.application_name = 'howdah-live')::int as workers,
       count(*) filter (where is_ours and a.application_name = 'howdah-api')::int as requests,
       count(*) filter (where not (is_ours and a.application_name like 'howdah-%'))::int as others
     from pg_stat_activity as a
     cross join lateral (select a.datname = current_database()) as o (is_ours)
     where a.datname is not null and a.pid <> pg_backend_pid()`,
  );
  return rows[0] as ConnectionUse;
}
