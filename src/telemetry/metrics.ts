import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { ObserveRun } from '../contracts/runs/run-observer.ts';
import type { ReadPrices } from './cost-counter.ts';
import { createDatabaseMetrics, type ReadFigures } from './database-metrics.ts';
import { createReplicaMetrics, type WatchedReplica } from './replica-metrics.ts';
import { createRunMetrics } from './run-metrics.ts';

/** The properties of a connection pool that the metrics report. */
export type CountedPool = {
  readonly totalCount: number;
  readonly idleCount: number;
  readonly waitingCount: number;
  readonly options: { readonly max: number };
};

/** The sources of the figures of the database and of the prices of models. */
export type FiguresSource = {
  figures: ReadFigures;
  prices: ReadPrices;
};

/** The metrics of this process and of the database, in the format of Prometheus. */
export type Metrics = {
  readonly contentType: string;
  /** Returns all metrics. The metrics of the database are at most a few seconds old. */
  text(): Promise<string>;
  observeRun: ObserveRun;
  /** Counts dead workers, lost wake-ups, and runs released after a fault. */
  countRecovery(reason: (typeof RECOVERIES)[number], count?: number): void;
  countRequest(endpoint: string, method: string, status: number, seconds: number): void;
  /** `pool` returns the current pool. */
  watchPool(name: string, pool: () => CountedPool): void;
  /** Counts a read of the API by its server and by the reason for the choice of the server. */
  countRead(server: 'replica' | 'primary', reason: string): void;
  watchReplica(replica: WatchedReplica): void;
  watchWorker(worker: { readonly inFlight: number; capacity: number }): void;
};

/**
 * The metrics that an API counts and shows. In a thread of its own, the API sends them to the
 * process.
 */
export type ApiMetrics = Pick<
  Metrics,
  'contentType' | 'text' | 'countRequest' | 'watchPool' | 'countRead' | 'watchReplica'
>;

/** Buckets in seconds, from the answer time of a database to the longest time of a request. */
const REQUEST_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const RECOVERIES = [
  'dead_worker',
  'lost_wake_up',
  'fault',
  'commit_retry',
  'claim_retry',
  'release_retry',
] as const;
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function createMetrics(source: FiguresSource): Metrics {
  const register = new Registry();
  collectDefaultMetrics({ register });
  for (const kind of ['handles', 'requests', 'resources']) {
    // These gauges have names of counters, and nodejs_active_${kind} reports the same values.
    register.removeSingleMetric(`nodejs_active_${kind}_total`);
  }
  const { runs, database, ...counters } = createProcessMetrics(register, source);
  return {
    contentType: register.contentType,
    async text() {
      await Promise.all([database.refresh(), runs.price()]);
      return register.metrics();
    },
    observeRun: runs.observe,
    ...counters,
  };
}

/** A metric of Howdah: `ofDatabase` if every process reports the same values. */
export type MetricDescription = {
  name: string;
  help: string;
  type: string;
  labels: readonly string[];
  ofDatabase: boolean;
};

/** Describes all metrics of Howdah, for the documentation. */
export async function describeMetrics(): Promise<MetricDescription[]> {
  const [all, database] = [new Registry(), new Registry()];
  createProcessMetrics(all, { figures: async () => [], prices: async () => new Map() });
  createDatabaseMetrics(database, async () => []);
  return (await all.getMetricsAsJSON()).map(({ name, help, type }) => ({
    name,
    help,
    type: `${type}`,
    labels: labelsOf(all, name),
    ofDatabase: database.getSingleMetric(name) !== undefined,
  }));
}

/** Returns the labels of a metric, which the types of prom-client do not name. */
function labelsOf(register: Registry, name: string): readonly string[] {
  const metric = register.getSingleMetric(name);
  return metric && 'labelNames' in metric ? (metric.labelNames as string[]) : [];
}

function createProcessMetrics(register: Registry, source: FiguresSource) {
  return {
    runs: createRunMetrics(register, source.prices),
    database: createDatabaseMetrics(register, source.figures),
    ...createPoolMetrics(register),
    ...createWorkerMetrics(register),
    ...createReplicaMetrics(register),
    ...createRecoveryMetrics(register),
    ...createRequestMetrics(register),
  };
}

function createPoolMetrics(register: Registry): Pick<Metrics, 'watchPool'> {
  const registers = [register];
  const pools = new Map<string, () => CountedPool>();
  new Gauge({
    name: 'howdah_pool_connections',
    help: 'Connections of this process to the database (busy, idle).',
    labelNames: ['pool', 'state'],
    registers,
    collect() {
      for (const [pool, counted] of pools) {
        const { totalCount, idleCount } = counted();
        this.set({ pool, state: 'idle' }, idleCount);
        this.set({ pool, state: 'busy' }, totalCount - idleCount);
      }
    },
  });
  new Gauge({
    name: 'howdah_pool_connections_limit',
    help: 'Maximum number of connections of the pool.',
    labelNames: ['pool'],
    registers,
    collect() {
      for (const [pool, counted] of pools) this.set({ pool }, counted().options.max);
    },
  });
  new Gauge({
    name: 'howdah_pool_waiting',
    help: 'Requests of this process that wait for a connection of the pool.',
    labelNames: ['pool'],
    registers,
    collect() {
      for (const [pool, counted] of pools) this.set({ pool }, counted().waitingCount);
    },
  });
  return { watchPool: (name, pool) => void pools.set(name, pool) };
}

function createWorkerMetrics(register: Registry): Pick<Metrics, 'watchWorker'> {
  const registers = [register];
  const workers: { readonly inFlight: number; capacity: number }[] = [];
  new Gauge({
    name: 'howdah_runs_held',
    help: 'Runs that workers of this process hold now.',
    registers,
    collect() {
      this.set(workers.reduce((sum, { inFlight }) => sum + inFlight, 0));
    },
  });
  new Gauge({
    name: 'howdah_runs_capacity',
    help: 'Runs that workers of this process may hold at once.',
    registers,
    collect() {
      this.set(workers.reduce((sum, { capacity }) => sum + capacity, 0));
    },
  });
  return { watchWorker: (worker) => void workers.push(worker) };
}

function createRecoveryMetrics(register: Registry): Pick<Metrics, 'countRecovery'> {
  const recoveries = new Counter({
    name: 'howdah_recoveries_total',
    help: 'Dead workers found (dead_worker), runs whose lost wake-up was replaced (lost_wake_up), runs released after a fault, and retried statements of a worker (commit_retry, claim_retry, release_retry).',
    labelNames: ['reason'],
    registers: [register],
  });
  // start at 0, since `increase` does not see the first value of a counter
  for (const reason of RECOVERIES) recoveries.inc({ reason }, 0);
  return { countRecovery: (reason, count = 1) => recoveries.inc({ reason }, count) };
}

function createRequestMetrics(register: Registry): Pick<Metrics, 'countRequest'> {
  const requests = new Histogram({
    name: 'howdah_http_request_duration_seconds',
    help: 'Time until the response of the API ended, streams included. The label door is the endpoint; status is a class such as 2xx.',
    labelNames: ['door', 'method', 'status'],
    buckets: REQUEST_BUCKETS,
    registers: [register],
  });
  return {
    countRequest(endpoint, method, status, seconds) {
      const known = METHODS.has(method) ? method : 'other';
      const statusClass = `${Math.floor(status / 100)}xx`;
      requests.observe({ door: endpoint, method: known, status: statusClass }, seconds);
    },
  };
}
