import type { EnumLabel } from '../../contracts/enum-labels.generated.ts';
import { type Queryable, quoteName } from '../connection/pool.ts';

/** A row of howdah.alerts. */
export type Alert = {
  severity: EnumLabel<'alert_severity'>;
  name: string;
  subject: string;
  since: Date | null;
  detail: string;
  runbook: string;
};

/**
 * Returns the alerts that need an operator, most severe first. Broken promises are included only on
 * request, because finding them reads whole logs.
 */
export async function listInstallationAlerts(
  pool: Queryable,
  { withPromises }: { withPromises: boolean },
): Promise<Alert[]> {
  const { rows } = await pool.query<Alert>(
    `select a.severity, a.name, a.subject, a.since, a.detail, a.runbook from howdah.alerts as a
     where ($1 or a.name <> 'promises_broken') order by a.severity desc, a.name, a.since, a.subject`,
    [withPromises],
  );
  return rows;
}

/** Server statistics of this database, as far as this login may see them. */
export type ServerFigures = {
  connections: number;
  connections_limit: number;
  lock_waits: number;
  /** The age of the oldest transaction among the sessions that this login may see. */
  oldest_transaction_seconds: number;
  /** Sessions of other logins whose age only members of pg_read_all_stats see. */
  hidden_sessions: number;
  size_mb: number;
  live_rows: number;
  dead_rows: number;
  cache_hit_percent: number | null;
};

/** A statement of this database that takes long on average; from pg_stat_statements. */
export type SlowStatement = { calls: number; mean_ms: number; total_s: number; query: string };

export async function serverFigures(pool: Queryable): Promise<ServerFigures> {
  const { rows } = await pool.query<ServerFigures>(
    `select (select sum(numbackends)::int from pg_stat_database) as connections,
       current_setting('max_connections')::int as connections_limit,
       (select count(*)::int from pg_locks where not granted) as lock_waits,
       (select coalesce(round(extract(epoch from max(now() - a.xact_start))), 0)::int from pg_stat_activity as a
        where a.backend_type = 'client backend' and a.pid <> pg_backend_pid()) as oldest_transaction_seconds,
       (select count(*)::int from pg_stat_activity as a
        where a.datid is not null and a.backend_type is null) as hidden_sessions,
       (pg_database_size(d.datid) / 1048576)::int as size_mb, t.live as live_rows, t.dead as dead_rows,
       round(100.0 * d.blks_hit / nullif(d.blks_hit + d.blks_read, 0), 1) as cache_hit_percent
     from pg_stat_database as d
     cross join (
       select coalesce(sum(s.n_live_tup), 0)::bigint as live, coalesce(sum(s.n_dead_tup), 0)::bigint as dead from pg_stat_user_tables as s
     ) as t
     where d.datname = current_database()`,
  );
  return rows[0] as ServerFigures;
}

/**
 * The text in `query` for a statement of another login, unless the reader is a member of
 * pg_read_all_stats.
 */
const HIDDEN = '<insufficient privilege>';

/**
 * Returns the slowest statements. Returns undefined when the extension pg_stat_statements does not
 * exist or is not loaded.
 */
export async function slowStatements(
  pool: Queryable,
  most: number,
): Promise<SlowStatement[] | undefined> {
  const { rows } = await pool.query<{ schema: string }>(
    `select n.nspname as schema from pg_extension as x join pg_namespace as n on n.oid = x.extnamespace
     where x.extname = 'pg_stat_statements'`,
  );
  const [found] = rows;
  if (!found) return undefined;
  // Not every login may read the setting that loads the library, but the view tells every login.
  const slow = await pool
    .query<SlowStatement>(
      `select s.calls, round(s.mean_exec_time::numeric, 1) as mean_ms, round((s.total_exec_time / 1000)::numeric, 1) as total_s,
       case when s.query = $2 then 'unknown: a statement of another login; grant pg_read_all_stats to see it'
         else left(regexp_replace(s.query, '\\s+', ' ', 'g'), 80) end as query
     from ${quoteName(found.schema)}.pg_stat_statements as s
     where s.dbid = (select d.oid from pg_database as d where d.datname = current_database())
     order by s.mean_exec_time desc limit $1`,
      [most, HIDDEN],
    )
    .catch((error: { code?: string }) => {
      if (error.code === NOT_LOADED) return undefined;
      throw error;
    });
  return slow?.rows;
}

/** object_not_in_prerequisite_state: the library is not in shared_preload_libraries. */
const NOT_LOADED = '55000';
