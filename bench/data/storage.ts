import type pg from 'pg';
import { type Commit, commitQuery } from '../../src/db/runs/commit-query.ts';
import { type Figure, figure, median } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';
import { registerWorker } from './hot-path-calls.ts';

const RUNS = 320;
const CALLS_PER_RUN = 19;
const TURNS = 100;
const UPDATED_RUNS = 64;
const PAGE_BYTES = 8192;

/**
 * Measures the bytes of a step on disk and in the WAL with the whole engine, and the share of HOT
 * updates, which change no index, of runs and their heads.
 */
export async function measureSteps({ url, pool }: BenchDatabase): Promise<Figure[]> {
  const worker = await startEngine({ url, concurrency: 64 });
  try {
    await pool.query(BENCH_AGENT);
    await runToEnd(pool, 64);
    await pool.query('checkpoint');
    const before = await readState(pool);
    await runToEnd(pool, RUNS);
    const after = await readState(pool);
    const steps = after.steps - before.steps;
    return [
      figure('history', 'disk_bytes_per_step', (after.bytes - before.bytes) / steps, 'bytes'),
      figure('history', 'wal_bytes_per_step', (after.wal - before.wal) / steps, 'bytes'),
      figure(
        'history',
        'hot_update_share',
        (after.hot - before.hot) / (after.updates - before.updates),
        'ratio',
        { atLeast: 0.85 },
      ),
    ];
  } finally {
    await worker.stop(0);
  }
}

async function runToEnd(pool: pg.Pool, runs: number): Promise<void> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bench'), '${CALLS_PER_RUN} ping' from generate_series(1, $1::int) returning id`,
    [runs],
  );
  await waitForRuns(
    pool,
    rows.map((row) => row.id),
  );
}

async function waitForRuns(pool: pg.Pool, ids: string[]): Promise<void> {
  for (;;) {
    const { rows } = await pool.query(
      'select 1 from howdah.executions where id = any ($1) and completed_at is null limit 1',
      [ids],
    );
    if (rows.length === 0) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Totals at one time. `bytes` includes indexes, `wal` is the position in the WAL. */
type State = { bytes: number; wal: number; steps: number; updates: number; hot: number };

async function readState(pool: pg.Pool): Promise<State> {
  const clients = await Promise.all([1, 2, 3, 4].map(() => pool.connect()));
  await Promise.all(
    clients.map((client) => client.query('select pg_stat_force_next_flush()').catch(() => {})),
  );
  for (const client of clients) {
    client.release();
  }
  const { rows } = await pool.query(
    `with tables as (
       select i.inhrelid as id, i.inhparent = 'howdah.executions'::regclass as is_of_runs
       from pg_inherits as i
       where i.inhparent in (
         'howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah_private.message_log'::regclass)
       union all
       select 'howdah_private.run_heads'::regclass, true
     )
     select sum(pg_total_relation_size(t.id))::float8 as bytes,
       pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal,
       (select count(*) from howdah.steps)::float8 as steps,
       sum(s.n_tup_upd) filter (where t.is_of_runs)::float8 as updates,
       sum(s.n_tup_hot_upd) filter (where t.is_of_runs)::float8 as hot
     from tables as t join pg_stat_user_tables as s on s.relid = t.id`,
  );
  return rows[0];
}

/**
 * Measures the bytes that each turn of a session adds to the tables. The session has a hundred
 * turns with one tool call each. `session_growth_ratio` is the mean of the last ten turns divided
 * by that of the first ten. `session_linear_fit` is R² of the total bytes against the number of the
 * turn.
 */
export async function measureSession({ url, pool }: BenchDatabase): Promise<Figure[]> {
  const worker = await startEngine({ url, concurrency: 4 });
  try {
    const { rows } = await pool.query(
      `insert into howdah.sessions (agent_id) values (howdah.agent('bench')) returning id`,
    );
    for (let turn = 1; turn <= TURNS; turn += 1) {
      const run = await pool.query(
        `insert into howdah.executions (agent_id, session_id, input) values (howdah.agent('bench'), $1, '1 ping') returning id`,
        [rows[0].id],
      );
      await waitForRuns(pool, [run.rows[0].id]);
    }
    const bytes = await bytesOfTurns(pool, rows[0].id);
    return [
      figure('history', 'session_bytes_per_turn', median(bytes), 'bytes'),
      figure(
        'history',
        'session_growth_ratio',
        mean(bytes.slice(-10)) / mean(bytes.slice(0, 10)),
        'ratio',
        { atMost: 1.1 },
      ),
      figure('history', 'session_linear_fit', linearFit(bytes), 'R²', { atLeast: 0.999 }),
    ];
  } finally {
    await worker.stop(0);
  }
}

async function bytesOfTurns(pool: pg.Pool, session: string): Promise<number[]> {
  const { rows } = await pool.query(
    `select (pg_column_size(e.*)
         + (select sum(pg_column_size(s.*)) from howdah.steps as s where s.execution_id = e.id)
         + (select sum(pg_column_size(m.*)) from howdah_private.message_log as m where m.execution_id = e.id))::float8 as bytes
     from howdah.executions as e where e.session_id = $1 order by e.turn`,
    [session],
  );
  return rows.map((row) => row.bytes);
}

/** Returns R² of the running sum of the values against 1, 2, 3 … */
function linearFit(values: readonly number[]): number {
  let sum = 0;
  const sums = values.map((value) => {
    sum += value;
    return sum;
  });
  const middle = (values.length + 1) / 2;
  const covariance = mean(sums.map((y, index) => (index + 1 - middle) * (y - mean(sums))));
  const spreadX = mean(sums.map((_, index) => (index + 1 - middle) ** 2));
  const spreadY = mean(sums.map((y) => (y - mean(sums)) ** 2));
  return covariance ** 2 / (spreadX * spreadY);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/**
 * Measures the growth of a partition while runs are updated. Each call commits one step of each
 * run, as a worker does. Dead row versions must be pruned on their page; otherwise the table would
 * keep every version of every row.
 */
export async function measureBloat({ pool }: BenchDatabase, updates: number): Promise<Figure[]> {
  const worker = await registerWorker(pool);
  await pool.query(
    `insert into howdah.agents (name, instruction, max_steps) values ('bloat', 'x', 2000000000)`,
  );
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bloat'), 'x' from generate_series(1, $1::int) returning id, tableoid::regclass::text as partition`,
    [UPDATED_RUNS],
  );
  const ids: string[] = rows.map((row) => row.id);
  await pool.query('select from howdah_private.claim_executions($1, $2, 1, null)', [worker, ids]);
  const before = await relationSize(pool, rows[0].partition);
  for (let after = 0; after < updates / UPDATED_RUNS; after += 1) {
    const commits: Commit[] = ids.map((id) => ({
      id,
      fence: 1,
      after,
      steps: [{ kind: 'guard', name: 'bench' }],
    }));
    await pool.query({
      name: 'commit a turn',
      ...commitQuery(worker, commits, ''),
    });
  }
  const after = await relationSize(pool, rows[0].partition);
  const growth = (after - before) / PAGE_BYTES;
  return [
    figure('history', `bloat_pages_after_${updates}_updates`, growth, 'pages', { atMost: 64 }),
  ];
}

async function relationSize(pool: pg.Pool, table: string): Promise<number> {
  const { rows } = await pool.query(
    `select pg_total_relation_size($1::regclass)::float8 as bytes`,
    [table],
  );
  return rows[0].bytes;
}
