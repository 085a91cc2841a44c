import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Bench } from './bench.ts';
import { BENCH_AGENT, startEngine } from './engine.ts';
import { type Figure, figure, median, spread } from './figures.ts';
import type { BenchDatabase } from './server.ts';

const RUNS_AT_ONCE = 64;
const CALLS_PER_RUN = 19;
const RUNS = 640;
const PGBENCH_SECONDS = 4;

type Round = { stepsPerSecond: number; transactions: number; walKb: number; pgbench: number };

/**
 * Durable steps per second at 64 runs, whole engine, beside pgbench on the same server in the same run: one
 * function call per transaction that inserts 500 bytes and updates a row. Both are committed with fsync; a step
 * counts when its commit has returned.
 */
export const steps: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  try {
    const fast = await rounds(database, 3, talk);
    await database.pool.query(
      `do $$ begin execute format('alter database %I set commit_delay = 2000', current_database());
         execute format('alter database %I set commit_siblings = 0', current_database()); end $$`,
    );
    talk('… with a flush that takes 2 ms, as on a cloud disk');
    const slow = await rounds(database, 2, talk);
    return figuresOf(fast, slow);
  } finally {
    await database.drop();
  }
};

function figuresOf(fast: Round[], slow: Round[]): Figure[] {
  const ratio = (round: Round): number => round.stepsPerSecond / round.pgbench;
  return [
    figure('steps', 'steps_vs_pgbench_ratio', median(fast.map(ratio)), 'ratio', { atLeast: 1 }),
    figure('steps', 'steps_vs_pgbench_slow_flush_ratio', median(slow.map(ratio)), 'ratio', {
      atLeast: 3,
    }),
    figure(
      'steps',
      'transactions_per_step',
      median(fast.map((round) => round.transactions)),
      'count',
      { atMost: 1 },
    ),
    figure('steps', 'wal_kb_per_step', median(fast.map((round) => round.walKb)), 'kB'),
    figure('steps', 'steps_per_second', median(fast.map((round) => round.stepsPerSecond)), '1/s'),
    figure('steps', 'pgbench_per_second', median(fast.map((round) => round.pgbench)), '1/s'),
  ];
}

async function rounds(
  database: BenchDatabase,
  count: number,
  talk: (line: string) => void,
): Promise<Round[]> {
  const results: Round[] = [];
  for (let round = 1; round <= count; round += 1) {
    const engine = await measureEngine(database);
    results.push({ ...engine, pgbench: await measurePgbench(database) });
  }
  talk(
    `steps/s ${spread(results.map((round) => round.stepsPerSecond))}, pgbench ${spread(results.map((round) => round.pgbench))}`,
  );
  return results;
}

async function measureEngine({ url, pool }: BenchDatabase): Promise<Omit<Round, 'pgbench'>> {
  const worker = await startEngine({ url, concurrency: RUNS_AT_ONCE });
  try {
    await pool.query(
      `do $do$ begin if not exists (select from howdah.agents where name = 'bench') then ${BENCH_AGENT}; end if; end $do$`,
    );
    await runAll(pool, RUNS_AT_ONCE); // warm: plans, connections, code
    const before = await counters(pool);
    const ids = await runAll(pool, RUNS);
    const after = await counters(pool);
    const { rows } = await pool.query(
      `select count(*)::int as steps, extract(epoch from max(finished_at) - min(started_at))::float8 as seconds
       from howdah.steps where execution_id = any ($1)`,
      [ids],
    );
    const { steps: done, seconds } = rows[0];
    return {
      stepsPerSecond: done / seconds,
      transactions: (after.commits - before.commits) / done,
      walKb: (after.wal - before.wal) / 1024 / done,
    };
  } finally {
    await worker.stop(0);
  }
}

async function runAll(pool: BenchDatabase['pool'], runs: number): Promise<string[]> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bench'), $1 || ' ping' from generate_series(1, $2::int) returning id`,
    [CALLS_PER_RUN, runs],
  );
  const ids = rows.map((row) => row.id);
  for (;;) {
    const open = await pool.query(
      'select count(*)::int as runs from howdah.executions where id = any ($1) and completed_at is null',
      [ids],
    );
    if (open.rows[0].runs === 0) {
      return ids;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

async function counters(pool: BenchDatabase['pool']): Promise<{ commits: number; wal: number }> {
  await pool.query('select pg_stat_force_next_flush()').catch(() => {});
  const { rows } = await pool.query(
    `select xact_commit::float8 as commits, pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal
     from pg_stat_database where datname = current_database()`,
  );
  return rows[0];
}

/** Needs the pgbench program: on PATH, or named by PGBENCH. */
async function measurePgbench({ url, pool }: BenchDatabase): Promise<number> {
  await pool.query(`
    drop schema if exists pgbench cascade;
    create schema pgbench;
    create table pgbench.runs (id int primary key, steps int not null default 0) with (fillfactor = 50);
    insert into pgbench.runs select generate_series(1, ${RUNS_AT_ONCE});
    create table pgbench.log (run int, seq int, body text, at timestamptz default now());
    create function pgbench.step(run int, body text) returns void language sql as
      'update pgbench.runs set steps = steps + 1 where id = run; insert into pgbench.log (run, body) values (run, body)'`);
  const folder = mkdtempSync(join(tmpdir(), 'howdah-pgbench-'));
  const script = join(folder, 'step.sql');
  writeFileSync(script, `select pgbench.step(:client_id + 1, '${'x'.repeat(500)}');\n`);
  try {
    const program = process.env.PGBENCH ?? 'pgbench';
    const { stdout } = await promisify(execFile)(program, [
      ...[
        '-n',
        '-M',
        'prepared',
        '-c',
        String(RUNS_AT_ONCE),
        '-j',
        '2',
        '-T',
        String(PGBENCH_SECONDS),
      ],
      ...['-f', script, url],
    ]);
    return Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
