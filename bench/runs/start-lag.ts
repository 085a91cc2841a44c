import { once } from 'node:events';
import type { Worker } from '../../workers/main.ts';
import type { Bench } from '../bench.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import { figure, percentile } from '../figures.ts';
import type { BenchDatabase } from '../server.ts';

const WORKERS = 4;
const SLOTS = 10;
const SAMPLES = 200;
const PAUSE_MS = 25;

/**
 * From before the insert of a short run to its first model request, while long runs take the slots of
 * other workers. Either half of the workers are full and the others idle, or all slots but two are taken.
 */
export const startLag: Bench = async ({ server, rounds, talk }) => {
  const half: number[][] = [];
  const nearly: number[][] = [];
  for (let round = 1; round <= rounds(3); round += 1) {
    half.push(await inDatabase(server.createDatabase, halfFull));
    nearly.push(await inDatabase(server.createDatabase, nearlyFull));
    talk(`round ${round} of ${rounds(3)}`);
  }
  const of = (lags: number[][], percent: number) => lags.map((each) => percentile(each, percent));
  return [
    figure('start-lag', 'start_lag_half_full_ms_p50', of(half, 50), 'ms'),
    figure('start-lag', 'start_lag_half_full_ms_p99', of(half, 99), 'ms', { atMost: 1_000 }),
    figure('start-lag', 'start_lag_nearly_full_ms_p50', of(nearly, 50), 'ms'),
    figure('start-lag', 'start_lag_nearly_full_ms_p99', of(nearly, 99), 'ms', { atMost: 1_000 }),
  ];
};

/** Two workers take as many long runs as they have slots; then two more workers start. */
async function halfFull(cluster: Cluster): Promise<number[]> {
  await cluster.start(WORKERS / 2);
  await cluster.occupy((WORKERS / 2) * SLOTS);
  await cluster.start(WORKERS / 2);
  return cluster.lags();
}

async function nearlyFull(cluster: Cluster): Promise<number[]> {
  await cluster.start(WORKERS);
  await cluster.occupy(WORKERS * SLOTS - 2);
  return cluster.lags();
}

async function inDatabase<T>(
  create: () => Promise<BenchDatabase>,
  work: (cluster: Cluster) => Promise<T>,
): Promise<T> {
  const database = await create();
  const cluster = new Cluster(database);
  try {
    await cluster.start(1); // makes the tool's row
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

/** Workers in this process, whose model answers short runs at once and long runs never. */
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

  /** Begins as many long runs, and waits until all are at work. */
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

  /** Inserts short runs one at a time; returns what each took to its model request, in ms. */
  async lags(): Promise<number[]> {
    const lags: number[] = [];
    for (let sample = 0; sample < SAMPLES; sample += 1) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#onShort = resolve;
      const startedAt = performance.now();
      await this.#database.pool.query(INSERT, ['0 short ', 1]);
      await promise;
      lags.push(performance.now() - startedAt);
      await new Promise((resume) => setTimeout(resume, PAUSE_MS));
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
