import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { type Figure, figure, percentile } from '../figures.ts';
import {
  openServerMeter,
  SERVER_CPU_NOT_MEASURED,
  type ServerMeter,
} from '../meters/server-meter.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase, BenchServer } from '../server.ts';
import { measureSystem, systemsFor } from '../systems.ts';
import { claimByHand, commitByHand, registerByHand } from './sql-worker.ts';

const SAMPLES = 300;
const WARM_UP_SAMPLES = 20;
const STEPS = 199;

/**
 * Milliseconds, and microseconds of CPU of the server for a run of one step and a step of a long
 * run.
 */
type Waits = { toModel: number[]; perStep: number[]; runCpuUs: number; stepCpuUs: number };

/**
 * Measures the time from before the insert of a run to its first model request, one run at a time
 * on an idle system, and the time that the engine adds to each step. The limits are the same SQL
 * without the engine: insert and claim, and one commit. Peers measure the time from the call that
 * enqueues a job to the first line of its handler.
 */
export const latency: Bench = async (context) => {
  const { server, rounds, has, talk } = context;
  if (server.postmaster === undefined) talk(SERVER_CPU_NOT_MEASURED);
  const ours: Waits[] = [];
  const bare: Waits[] = [];
  const peers = new Map<string, { p50: number[]; p99: number[] }>();
  for (let round = 1; round <= rounds(3); round += 1) {
    ours.push(await onDatabase(server, measureEngine));
    bare.push(await onDatabase(server, measureByHand));
    for (const { name } of systemsFor('latency', has)) {
      const { p50, p99 } = peers.get(name) ?? { p50: [], p99: [] };
      const result = await measureSystem<'latency'>(context, {
        system: name,
        kind: 'latency',
        runsAtOnce: 10,
        stepsPerRun: 1,
        samples: SAMPLES,
        tag: 'latency',
      });
      peers.set(name, {
        p50: [...p50, result.p50_ms ?? Number.NaN],
        p99: [...p99, result.p99_ms ?? Number.NaN],
      });
    }
    talk(`round ${round} of ${rounds(3)}`);
  }
  return [
    ...waitFigures(ours, bare),
    ...[...peers].flatMap(([name, { p50, p99 }]) => [
      figure('latency', `${name}_enqueue_to_handler_ms_p50`, p50, 'ms', { role: 'peer' }),
      figure('latency', `${name}_enqueue_to_handler_ms_p99`, p99, 'ms', { role: 'peer' }),
    ]),
  ];
};

function waitFigures(ours: Waits[], bare: Waits[]): Figure[] {
  const percentiles = (rounds: Waits[], name: 'toModel' | 'perStep', percent: number): number[] =>
    rounds.map((round) => percentile(round[name], percent));
  const limit = { role: 'limit' } as const;
  return [
    figure('latency', 'insert_to_model_ms_p50', percentiles(ours, 'toModel', 50), 'ms', {
      atMost: 5,
    }),
    figure('latency', 'insert_to_model_ms_p99', percentiles(ours, 'toModel', 99), 'ms', {
      atMost: 20,
    }),
    figure(
      'latency',
      'bare_insert_and_claim_ms_p50',
      percentiles(bare, 'toModel', 50),
      'ms',
      limit,
    ),
    figure(
      'latency',
      'bare_insert_and_claim_ms_p99',
      percentiles(bare, 'toModel', 99),
      'ms',
      limit,
    ),
    figure('latency', 'overhead_per_step_ms_p50', percentiles(ours, 'perStep', 50), 'ms', {
      atMost: 1.5,
    }),
    figure('latency', 'bare_commit_ms_p50', percentiles(bare, 'perStep', 50), 'ms', limit),
    ...cpuFigures(ours, bare),
  ];
}

function cpuFigures(ours: readonly Waits[], bare: readonly Waits[]): Figure[] {
  const values = (rounds: readonly Waits[], name: 'runCpuUs' | 'stepCpuUs'): number[] =>
    rounds.map((round) => round[name]);
  const limit = { role: 'limit' } as const;
  return [
    figure('latency', 'server_cpu_us_per_single_run', values(ours, 'runCpuUs'), 'µs'),
    figure('latency', 'bare_insert_and_claim_server_cpu_us', values(bare, 'runCpuUs'), 'µs', limit),
    figure('latency', 'server_cpu_us_per_single_step', values(ours, 'stepCpuUs'), 'µs'),
    figure('latency', 'bare_commit_server_cpu_us', values(bare, 'stepCpuUs'), 'µs', limit),
  ];
}

async function onDatabase(
  server: BenchServer,
  measure: (database: BenchDatabase, meter: ServerMeter) => Promise<Waits>,
): Promise<Waits> {
  const database = await server.createDatabase();
  const meter = await openServerMeter(server, database);
  try {
    return await measure(database, meter);
  } finally {
    await meter.close();
    await database.drop();
  }
}

const INSERT = `insert into howdah.executions (agent_id, input) values (howdah.agent('bench'), $1) returning id`;

async function measureEngine({ url, pool }: BenchDatabase, meter: ServerMeter): Promise<Waits> {
  const arrived = new Map<string, () => void>();
  const worker = await startEngine({
    url,
    concurrency: 10,
    onModelCall: (input) => arrived.get(input)?.(),
  });
  try {
    await pool.query(BENCH_AGENT);
    const waits: number[] = [];
    let warmUs = 0;
    for (let sample = 0; sample < SAMPLES + WARM_UP_SAMPLES; sample += 1) {
      if (sample === WARM_UP_SAMPLES) warmUs = meter.cpuUs();
      const input = `0 sample ${sample}`;
      const { promise, resolve } = Promise.withResolvers<void>();
      arrived.set(input, resolve);
      const startedAt = performance.now();
      await pool.query(INSERT, [input]);
      await promise;
      waits.push(performance.now() - startedAt);
      arrived.delete(input);
      await waitForRuns(meter.client);
    }
    const runsUs = meter.cpuUs();
    const perStep = await measureSteps(pool, meter.client);
    return {
      toModel: waits.slice(WARM_UP_SAMPLES),
      perStep,
      runCpuUs: (runsUs - warmUs) / SAMPLES,
      stepCpuUs: (meter.cpuUs() - runsUs) / STEPS,
    };
  } finally {
    await worker.stop(0);
  }
}

/**
 * Runs one long run. Returns the milliseconds between its commits. All of this time is spent by the
 * engine, because model and tool take no time.
 */
async function measureSteps(pool: pg.Pool, watcher: pg.Client): Promise<number[]> {
  await pool.query(INSERT, [`${(STEPS - 1) / 2} calls`]);
  await waitForRuns(watcher);
  const { rows } = await watcher.query(
    `select extract(epoch from finished_at - lag(finished_at) over (order by seq))::float8 * 1000 as ms
     from howdah.steps where execution_id = (select id from howdah.executions order by id desc limit 1)
     order by seq offset 1`,
  );
  return rows.map((row) => row.ms);
}

async function waitForRuns(watcher: pg.Client): Promise<void> {
  for (;;) {
    const { rows } = await watcher.query(
      `select 1 from howdah.executions where completed_at is null limit 1`,
    );
    if (rows.length === 0) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Executes the same statements one after the other, while no worker runs. */
async function measureByHand({ url, pool }: BenchDatabase, meter: ServerMeter): Promise<Waits> {
  await (await startEngine({ url, concurrency: 1 })).stop(0); // inserts the row of the tool
  await pool.query(BENCH_AGENT);
  const worker = await registerByHand(pool);
  const waits: number[] = [];
  let lastRun = '';
  let warmUs = 0;
  for (let sample = 0; sample < SAMPLES + WARM_UP_SAMPLES; sample += 1) {
    if (sample === WARM_UP_SAMPLES) warmUs = meter.cpuUs();
    const startedAt = performance.now();
    lastRun = (await pool.query(INSERT, [`0 sample ${sample}`])).rows[0].id;
    await claimByHand(pool, worker, [lastRun]);
    waits.push(performance.now() - startedAt);
  }
  const runsUs = meter.cpuUs();
  const perStep: number[] = [];
  for (let seq = 1; seq <= STEPS; seq += 1) {
    const output = randomBytes(375).toString('base64');
    const startedAt = performance.now();
    await commitByHand(pool, worker, lastRun, seq, output);
    perStep.push(performance.now() - startedAt);
  }
  return {
    toModel: waits.slice(WARM_UP_SAMPLES),
    perStep,
    runCpuUs: (runsUs - warmUs) / SAMPLES,
    stepCpuUs: (meter.cpuUs() - runsUs) / STEPS,
  };
}
