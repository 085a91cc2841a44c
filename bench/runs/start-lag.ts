import { once } from 'node:events';
import type { Worker } from '../../workers/start-worker.ts';
import type { Bench } from '../bench.ts';
import { figure, percentile } from '../figures.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';

const WORKERS = 4;
const SLOTS = 10;
const SAMPLES = 200;
const PAUSE_MS = 25;

/**
 * Measures the time from before the insert of a short run to its first model request, while long
 * runs occupy slots of workers. Either half of the workers are full and the others are idle, or all
 * slots except two are occupied.
 */
export const startLag: Bench = async ({ server, rounds, talk }) => {
  const halfFull: number[][] = [];
  const nearlyFull: number[][] = [];
  for (let round = 1; round <= rounds(3); round += 1) {
    halfFull.push(await withCluster(server.createDatabase, measureHalfFull));
    nearlyFull.push(await withCluster(server.createDatabase, measureNearlyFull));
    talk(`round ${round} of ${rounds(3)}`);
  }
  const percentiles = (rounds: number[][], percent: number) =>
    rounds.map((lags) => percentile(lags, percent));
  return [
    figure('start-lag', 'start_lag_half_full_ms_p50', percentiles(halfFull, 50), 'ms'),
    figure('start-lag', 'start_lag_half_full_ms_p99', percentiles(halfFull, 99), 'ms', {
      atMost: 1_000,
    }),
    figure('start-lag', 'start_lag_nearly_full_ms_p50', percentiles(nearlyFull, 50), 'ms'),
    figure('start-lag', 'start_lag_nearly_full_ms_p99', percentiles(nearlyFull, 99), 'ms', {
      atMost: 1_000,
    }),
  ];
};

/** Fills all slots of two workers with long runs, and then starts two more workers. */
async function measureHalfFull(cluster: Cluster): Promise<number[]> {
  await cluster.start(WORKERS / 2);
  await cluster.occupy((WORKERS / 2) * SLOTS);
  await cluster.start(WORKERS / 2);
  return cluster.measureLags();
}

async function measureNearlyFull(cluster: Cluster): Promise<number[]> {
  await cluster.start(WORKERS);
  await cluster.occupy(WORKERS * SLOTS - 2);
  return cluster.measureLags();
}

async function withCluster<T>(
  create: () => Promise<BenchDatabase>,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const database = await create();
  const cluster = new Cluster(database);
  try {
    await cluster.start(1); // inserts the row of the tool
    await cluster.stop();
    await database.pool.query(BENCH_AGENT);
    return await work(cluster);
  } finally {
    await cluster.stop();
    await database.drop();
  }
}

const INSERT = `insert into howdah.executions (agent_id, input)
  select howdah.agent('bench'), $1 || i from generate_series(1, $2::int) as i`;

/** Workers in this process. Their model responds to short runs at once, and never to long runs. */
class Cluster {
  readonly #database: BenchDatabase;
  readonly #workers: Worker[] = [];
  #onShort: () => void = () => {};
  #onLong: () => void = () => {};

  constructor(database: BenchDatabase) {
    this.#database = database;
  }

  async start(count: number): Promise<void> {
    for (let started = 0; started < count; started += 1) {
      const options = { url: this.#database.url, concurrency: SLOTS };
      const onModelCall = (input: string, signal: AbortSignal) => this.#answer(input, signal);
      this.#workers.push(await startEngine({ ...options, onModelCall }));
    }
  }

  /** Inserts long runs, and waits until all of them are in a model call. */
  async occupy(runs: number): Promise<void> {
    const allStarted = Promise.withResolvers<void>();
    let startedRuns = 0;
    this.#onLong = () => {
      startedRuns += 1;
      if (startedRuns === runs) allStarted.resolve();
    };
    await this.#database.pool.query(INSERT, ['long ', runs]);
    await allStarted.promise;
  }

  /** Inserts short runs one at a time. Returns the milliseconds until the model request of each. */
  async measureLags(): Promise<number[]> {
    const lags: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onShort = resolve;
      const startedAt = performance.now();
      await this.#database.pool.query(INSERT, ['0 short ', 1]);
      await promise;
      lags.push(performance.now() - startedAt);
      await new Promise((resolvePause) => setTimeout(resolvePause, PAUSE_MS));
    }
    return lags;
  }

  async stop(): Promise<void> {
    await Promise.all(this.#workers.splice(0).map((worker) => worker.stop(0)));
  }

  async #answer(input: string, signal: AbortSignal): Promise<void> {
    if (input.startsWith('long')) {
      this.#onLong();
      await once(signal, 'abort');
    } else {
      this.#onShort();
    }
  }
}
