import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import { readCounters } from '../../bench/meters/counters.ts';
import { insertRun, makeAgent } from '../../test/runtime/arrange.ts';
import { startTwoWorkers } from './support/live-runs.ts';
import { createModelProcess, type ModelProcess } from './support/outage/model-process.ts';
import { type RehearsalOptions, UsageError } from './support/rehearsal.ts';

// Kills the model server under runs in flight, and starts it again later. The figures say whether a
// run was lost or did something twice, how many calls the outage caused, what the waiting runs cost
// meanwhile, and how soon they ended afterwards.

export const title = 'kills the model server under runs in flight, and starts it again later';

export const usage = `  --runs N      runs in flight (200)
  --down S      seconds of the outage (60)`;

/** Time for each run to have its first answer, and for most to be in the middle of a call. */
const BEFORE_MS = 3_000;
const SAMPLE_MS = 1_000;
/** The longest back-off, an answer for each step, and slack for a small machine. */
const MAX_RECOVERY_SECONDS = 120;
/** Kinds of the steps of a run besides failed attempts. */
const STEPS = 'model tool_started tool model tool_started tool model output';
const POLL_MS = 200;

/** Plays the outage on two workers in processes of their own. */
export async function* run({ argv, log, server }: RehearsalOptions): AsyncGenerator<Figure> {
  const { runs, downSeconds } = readOptions(argv);
  const database = await (await server()).createDatabase();
  const model = await createModelProcess();
  const workers = await startTwoWorkers(database.url);
  const { pool } = database;
  try {
    await model.start();
    const agent = await makeAgent(pool, {
      models: [{ provider: 'openai', base_url: model.url }],
      tools: ['calculator'],
    });
    const idle = await measure(pool, 5, () => false);
    await Promise.all(Array.from({ length: runs }, () => insertRun(pool, agent)));
    await sleep(BEFORE_MS);
    yield* playOutage(pool, model, downSeconds, log, idle);
    yield* checkRuns(pool, runs);
  } finally {
    for (const worker of workers) worker.signal('SIGTERM');
    await Promise.all(workers.map(({ ended }) => ended));
    await model.kill();
    await database.drop();
  }
}

function readOptions(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      runs: { type: 'string', default: '200' },
      down: { type: 'string', default: '60' },
    },
  });
  const number = (name: keyof typeof values): number => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value > 0) return value;
    throw new UsageError(`--${name} takes a whole number above 0, not ${values[name]}`);
  };
  return { runs: number('runs'), downSeconds: number('down') };
}

async function* playOutage(
  pool: pg.Pool,
  model: ModelProcess,
  downSeconds: number,
  log: (line: string) => void,
  idle: Sample[],
): AsyncGenerator<Figure> {
  const { rows } = await pool.query(
    `select count(*)::int as live from howdah.executions where completed_at is null`,
  );
  await model.kill();
  log(`the model server is killed under ${rows[0].live} runs in flight`);
  yield figure('outage', 'runs_in_flight', rows[0].live, 'runs', { atLeast: 1 });
  const during = await measure(pool, downSeconds, (one) => log(describeSample(one)));
  await model.start();
  log('the model server is back');
  const startedAt = performance.now();
  await waitForAll(pool, MAX_RECOVERY_SECONDS * 2);
  const seconds = (performance.now() - startedAt) / 1_000;
  yield figure('outage', 'recovery_seconds', seconds, 's', { atMost: MAX_RECOVERY_SECONDS });
  yield* describeCosts(idle, during.slice(Math.floor(during.length / 2)));
  yield* describeCalls(pool);
}

/** What runs use at a moment. */
type Sample = { parked: number; slots: number; connections: number; commits: number };

/** Samples the database each second. */
async function measure(
  pool: pg.Pool,
  seconds: number,
  onSample: (sample: Sample) => unknown,
): Promise<Sample[]> {
  const samples: Sample[] = [];
  let before = await readCounters(pool);
  for (let second = 0; second < seconds; second += 1) {
    await sleep(SAMPLE_MS);
    const { rows } = await pool.query(
      `select count(*) filter (where e.status = 'waiting')::int as parked,
         count(*) filter (where e.status = 'running')::int as slots,
         (select count(*)::int from pg_stat_activity as a
          where a.datname = current_database() and a.application_name like 'howdah%') as connections
       from howdah.executions as e where e.completed_at is null`,
    );
    const now = await readCounters(pool);
    const sample = { ...rows[0], commits: now.commits - before.commits };
    before = now;
    samples.push(sample);
    onSample(sample);
  }
  return samples;
}

function describeSample({ parked, slots, connections, commits }: Sample): string {
  return `${parked} parked, ${slots} in a slot, ${connections} connections, ${commits} commits/s`;
}

/** Compares the second half of the outage with the time before the runs. */
function* describeCosts(idle: Sample[], parked: Sample[]): Generator<Figure> {
  const median = (samples: Sample[], name: keyof Sample) =>
    percentile(
      samples.map((one) => one[name]),
      50,
    );
  yield figure('outage', 'parked_runs_p50', median(parked, 'parked'), 'runs');
  yield figure('outage', 'slots_p50', median(parked, 'slots'), 'slots', { atMost: 20 });
  yield figure('outage', 'slots_max', Math.max(...parked.map(({ slots }) => slots)), 'slots');
  yield figure('outage', 'connections_idle', median(idle, 'connections'), '');
  yield figure('outage', 'connections_parked', median(parked, 'connections'), '');
  yield figure('outage', 'commits_per_second_idle', median(idle, 'commits'), '/s');
  yield figure('outage', 'commits_per_second_parked', median(parked, 'commits'), '/s');
}

/** Counts the failed calls of the outage. */
async function* describeCalls(pool: pg.Pool): AsyncGenerator<Figure> {
  const { rows } = await pool.query(
    `select count(*)::int as count, date_trunc('second', s.finished_at) as second,
       count(*) filter (where (s.output ->> 'delay_ms')::int > 2000)::int as parks
     from howdah.steps as s where s.kind = 'retry' group by 2 order by 2`,
  );
  const total = rows.reduce((sum, { count }) => sum + count, 0);
  const { rows: runs } = await pool.query(`select count(*)::int as count from howdah.executions`);
  yield figure('outage', 'failed_calls_per_run', total / runs[0].count, 'calls', { atMost: 9 });
  // the first two attempts of all runs are close to the outage
  const later = rows.slice(5).map(({ count }) => count);
  yield figure('outage', 'failed_calls_per_second_max', Math.max(0, ...later), '/s');
}

async function waitForAll(pool: pg.Pool, seconds: number): Promise<void> {
  const until = performance.now() + seconds * 1_000;
  while (performance.now() < until) {
    const { rows } = await pool.query(
      'select exists (select from howdah.executions where completed_at is null) as live',
    );
    if (!rows[0].live) return;
    await sleep(POLL_MS);
  }
}

/** Checks that each run completed, and that each of its steps was done once. */
async function* checkRuns(pool: pg.Pool, runs: number): AsyncGenerator<Figure> {
  const { rows } = await pool.query(
    `select e.status, (
       select string_agg(s.kind::text, ' ' order by s.seq) from howdah.steps as s
       where s.execution_id = e.id and s.kind <> 'retry') as kinds
     from howdah.executions as e`,
  );
  const completed = rows.filter(({ status }) => status === 'completed').length;
  const isWhole = ({ kinds }: { kinds: string }) =>
    kinds.replaceAll('tool_started ', '') === STEPS.replaceAll('tool_started ', '');
  yield figure('outage', 'runs_lost', runs - completed, 'runs', { atMost: 0 });
  yield figure(
    'outage',
    'runs_with_other_steps',
    rows.filter((one) => !isWhole(one)).length,
    'runs',
    {
      atMost: 0,
    },
  );
  const { rows: violations } = await pool.query('select * from howdah.check_all()');
  yield figure('outage', 'violations', violations.length, '', { atMost: 0 });
}
