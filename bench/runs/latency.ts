import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { claimByHand, commitByHand, registerByHand } from './by-hand.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { type Figure, figure, percentile } from '../figures.ts';
import type { BenchDatabase, BenchServer } from '../server.ts';
import { SERVER_CPU_NOT_MEASURED, openServerMeter, type ServerMeter } from '../meters/server-meter.ts';
import { measureSystem, systemsFor } from '../systems.ts';

const SAMPLES = 300;
const WARM = 20;
const STEPS = 199;

/** Waits in milliseconds; CPU of the server in microseconds, for a run of one step and for a step of a long run. */
type Waits = { toBegin: number[]; perStep: number[]; runCpuUs: number; stepCpuUs: number };

/**
 * From before the insert to the first model request, one at a time on an idle system; and the engine's own time per
 * step. Beside them the same SQL said by hand (insert and claim; one commit), and what peers take from enqueueing to
 * the first line of the handler.
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
      const found = await measureSystem<'latency'>(context, {
        system: name,
        kind: 'latency',
        runsAtOnce: 10,
        stepsPerRun: 1,
        samples: SAMPLES,
        tag: 'latency',
      });
      peers.set(name, {
        p50: [...p50, found.p50_ms ?? Number.NaN],
        p99: [...p99, found.p99_ms ?? Number.NaN],
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
  const of = (rounds: Waits[], what: 'toBegin' | 'perStep', percent: number): number[] =>
    rounds.map((round) => percentile(round[what], percent));
  const at = { role: 'limit' } as const;
  return [
    figure('latency', 'insert_to_model_ms_p50', of(ours, 'toBegin', 50), 'ms', { atMost: 5 }),
    figure('latency', 'insert_to_model_ms_p99', of(ours, 'toBegin', 99), 'ms', { atMost: 20 }),
    figure('latency', 'bare_insert_and_claim_ms_p50', of(bare, 'toBegin', 50), 'ms', at),
    figure('latency', 'bare_insert_and_claim_ms_p99', of(bare, 'toBegin', 99), 'ms', at),
    figure('latency', 'overhead_per_step_ms_p50', of(ours, 'perStep', 50), 'ms', { atMost: 1.5 }),
    figure('latency', 'bare_commit_ms_p50', of(bare, 'perStep', 50), 'ms', at),
    ...cpuFigures(ours, bare),
  ];
}

function cpuFigures(ours: readonly Waits[], bare: readonly Waits[]): Figure[] {
  const of = (rounds: readonly Waits[], what: 'runCpuUs' | 'stepCpuUs'): number[] =>
    rounds.map((round) => round[what]);
  const at = { role: 'limit' } as const;
  return [
    figure('latency', 'server_cpu_us_per_single_run', of(ours, 'runCpuUs'), 'µs'),
    figure('latency', 'bare_insert_and_claim_server_cpu_us', of(bare, 'runCpuUs'), 'µs', at),
    figure('latency', 'server_cpu_us_per_single_step', of(ours, 'stepCpuUs'), 'µs'),
    figure('latency', 'bare_commit_server_cpu_us', of(bare, 'stepCpuUs'), 'µs', at),
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
    for (let sample = 0; sample < SAMPLES + WARM; sample += 1) {
      if (sample === WARM) warmUs = meter.cpuUs();
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
    const perStep = await stepTimes(pool, meter.client);
    return {
      toBegin: waits.slice(WARM),
      perStep,
      runCpuUs: (runsUs - warmUs) / SAMPLES,
      stepCpuUs: (meter.cpuUs() - runsUs) / STEPS,
    };
  } finally {
    await worker.stop(0);
  }
}

/** Model and tool take no time, so all time between two commits of a single run is the engine's. */
async function stepTimes(pool: pg.Pool, watcher: pg.Client): Promise<number[]> {
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

/** The same statements one after the other, with no worker that hears of them. */
async function measureByHand({ url, pool }: BenchDatabase, meter: ServerMeter): Promise<Waits> {
  await (await startEngine({ url, concurrency: 1 })).stop(0); // makes the tool's row
  await pool.query(BENCH_AGENT);
  const worker = await registerByHand(pool);
  const waits: number[] = [];
  let last = '';
  let warmUs = 0;
  for (let sample = 0; sample < SAMPLES + WARM; sample += 1) {
    if (sample === WARM) warmUs = meter.cpuUs();
    const startedAt = performance.now();
    last = (await pool.query(INSERT, [`0 sample ${sample}`])).rows[0].id;
    await claimByHand(pool, worker, [last]);
    waits.push(performance.now() - startedAt);
  }
  const runsUs = meter.cpuUs();
  const perStep: number[] = [];
  for (let seq = 1; seq <= STEPS; seq += 1) {
    const output = randomBytes(375).toString('base64');
    const startedAt = performance.now();
    await commitByHand(pool, worker, last, seq, output);
    perStep.push(performance.now() - startedAt);
  }
  return {
    toBegin: waits.slice(WARM),
    perStep,
    runCpuUs: (runsUs - warmUs) / SAMPLES,
    stepCpuUs: (meter.cpuUs() - runsUs) / STEPS,
  };
}
