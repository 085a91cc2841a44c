import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type pg from 'pg';
import type { Reading } from './report-memory.ts';
import type { SupervisedWorker } from '../supervised-worker.ts';
import type { WorkerSettings } from '../world.ts';

/** Counters of one table or partition since the server has begun to count, and what it holds now. */
export type TableSample = {
  name: string;
  rows: number;
  dead: number;
  /** So many dead rows make autovacuum come. */
  vacuum_at: number;
  /** With indexes and TOAST. */
  bytes: number;
  updates: number;
  deletes: number;
  hot_updates: number;
  seq_scans: number;
};

/** Of pg_stat_statements: sums since the beginning. `text` is the routine it calls, else how it begins. */
export type StatementSample = {
  id: string;
  text: string;
  calls: number;
  ms: number;
  blocks: number;
};

/** What was seen at one moment. */
export type Sample = {
  /** Hours since the beginning. */
  at: number;
  workers: Reading[];
  /** Runs that have not ended, and wake-ups in the queue. */
  live: number;
  jobs: number;
  tables: TableSample[];
  statements: StatementSample[];
};

const GAUGE = fileURLToPath(new URL('report-memory.ts', import.meta.url));
const READING_MS = 10_000;

/** Where the workers write what they weigh. */
export type MemoryReader = {
  place(index: number): WorkerSettings;
  /** One reading of each, after a collection. Throws when one does not answer. */
  read(places: readonly SupervisedWorker[]): Promise<Reading[]>;
  close(): void;
};

export function createMemoryReader(): MemoryReader {
  const folder = mkdtempSync(join(tmpdir(), 'howdah-soak-'));
  const fileOf = (index: number) => join(folder, `worker-${index}.jsonl`);
  const reportLines = (index: number) =>
    readFileSync(fileOf(index), 'utf8').split('\n').slice(0, -1);
  return {
    place(index) {
      writeFileSync(fileOf(index), '');
      return { node: ['--expose-gc', '--import', GAUGE], env: { CHAOS_GAUGE: fileOf(index) } };
    },
    read: (places) =>
      Promise.all(
        places.map(async (place, index) => {
          const before = reportLines(index).length;
          place.signal('SIGUSR2');
          for (let waited = 0; waited < READING_MS; waited += 20) {
            const line = reportLines(index)[before];
            if (line) return JSON.parse(line) as Reading;
            await sleep(20);
          }
          throw new Error(`worker ${index + 1} does not say what it weighs`);
        }),
      ),
    close: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** Counts every statement from now on; the server is restarted for it. */
export async function countStatements(pool: pg.Pool, restart: () => Promise<void>): Promise<void> {
  await pool.query(`alter system set shared_preload_libraries = 'pg_stat_statements'`);
  await restart();
  await pool.query('create extension pg_stat_statements');
}

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
