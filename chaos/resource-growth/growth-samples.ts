import type pg from 'pg';
import type { MemoryUsage } from './memory-preload.ts';

/** Current size of a table or partition, and its counters since the last reset of statistics. */
export type TableSample = {
  name: string;
  rows: number;
  dead: number;
  /** Number of dead rows at which autovacuum starts. */
  vacuum_at: number;
  /** Size with indexes and TOAST. */
  bytes: number;
  updates: number;
  deletes: number;
  hot_updates: number;
  seq_scans: number;
};

/**
 * Totals of one statement in pg_stat_statements. `text` is the function that it calls, or the start
 * of the statement.
 */
export type StatementSample = {
  id: string;
  text: string;
  calls: number;
  ms: number;
  blocks: number;
};

/** The measurements of one moment. */
export type Sample = {
  /** Hours since the start. */
  at: number;
  workers: MemoryUsage[];
  /** Number of runs that have not ended, and of wake-ups in the queue. */
  live: number;
  jobs: number;
  tables: TableSample[];
  statements: StatementSample[];
};

/** Enables pg_stat_statements, for which the server is restarted. */
export async function enableStatementStatistics(
  pool: pg.Pool,
  restart: () => Promise<void>,
): Promise<void> {
  await pool.query(`alter system set shared_preload_libraries = 'pg_stat_statements'`);
  await restart();
  await pool.query('create extension pg_stat_statements');
}

/** Reads everything in a sample except the memory of workers. */
export async function sampleDatabase(pool: pg.Pool): Promise<Omit<Sample, 'at' | 'workers'>> {
  const [counts, tables, statements] = await Promise.all([
    pool.query<{ live: number; jobs: number }>(COUNTS),
    pool.query<TableSample>(TABLES),
    pool.query<StatementSample>(STATEMENTS),
  ]);
  const { live = 0, jobs = 0 } = counts.rows[0] ?? {};
  return { live, jobs, tables: tables.rows, statements: statements.rows };
}

const COUNTS = `
  select (select count(*)::int from howdah.executions where status in ('queued', 'running', 'waiting', 'paused')) as live,
    (select count(*)::int from graphile_worker._private_jobs) as jobs`;

const TABLES = `
  select s.relname as name, s.n_live_tup::float8 as rows, s.n_dead_tup::float8 as dead,
    o.threshold + o.scale * s.n_live_tup as vacuum_at, pg_total_relation_size(s.relid)::float8 as bytes,
    s.n_tup_upd::float8 as updates, s.n_tup_hot_upd::float8 as hot_updates,
    s.n_tup_del::float8 as deletes, s.seq_scan::float8 as seq_scans
  from pg_stat_user_tables as s join pg_class as c on c.oid = s.relid
  cross join lateral (
    select coalesce(max(option_value::float8) filter (where option_name = 'autovacuum_vacuum_threshold'),
        current_setting('autovacuum_vacuum_threshold')::float8) as threshold,
      coalesce(max(option_value::float8) filter (where option_name = 'autovacuum_vacuum_scale_factor'),
        current_setting('autovacuum_vacuum_scale_factor')::float8) as scale
    from pg_options_to_table(c.reloptions)
  ) as o
  where s.schemaname in ('howdah', 'howdah_private', 'graphile_worker')
    and s.n_tup_ins + s.n_tup_upd + s.n_tup_del > 0
  order by s.schemaname, s.relname`;

const STATEMENTS = `
  select s.queryid::text as id, min(coalesce(substring(s.query from '(?:howdah|graphile)\\w*\\.\\w+(?=\\()'),
      left(regexp_replace(s.query, '\\s+', ' ', 'g'), 60))) as text,
    sum(s.calls)::float8 as calls, sum(s.total_exec_time) as ms,
    sum(s.shared_blks_hit + s.shared_blks_read)::float8 as blocks
  from pg_stat_statements as s
  where s.dbid = (select oid from pg_database where datname = current_database()) and s.toplevel
    and s.query !~ '(pg_stat_|chaos\\.)'
  group by s.queryid`;
