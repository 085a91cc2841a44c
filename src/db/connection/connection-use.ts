import type { Pool } from './pool.ts';

/** Who is connected to the server, and how many may be. */
export type ConnectionUse = {
  /** For everybody who is no superuser. */
  allowed: number;
  /** Processes of ours on this database: each listens on one connection, or shows by one that it is alive. */
  apis: number;
  workers: number;
  /** Of those, for transactions of requests: what processes have, or a pooler for them. */
  requests: number;
  /** Connections of everybody else, of other databases too. */
  others: number;
};

/** Asks the server. Its own settings and other programs count: a maximum is shared by all of its databases. */
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
