import { setTimeout as sleep } from 'node:timers/promises';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import type { BenchApi } from '../../bench/processes/api.ts';
import { claimByHand, commitByHand, registerByHand } from '../../bench/runs/sql-worker.ts';
import type { BenchDatabase, BenchServer } from '../../bench/server.ts';
import { createNotifier } from '../../src/db/feed/notifier.ts';
import { type Random, randomOf } from '../load/random.ts';
import type { Options } from './options.ts';
import { ReceivedSteps } from './received-steps.ts';
import { CONNECTORS, type Connector } from './stream-clients.ts';

/** Steps of each run per second. */
const STEPS_PER_SECOND = 2;
/** Average duration of a connection until it is cut. */
const MEAN_CONNECTION_MS = 15_000;
/** Longest pause before a client reconnects. */
const MOST_PAUSE_MS = 500;
/** Shortest pause after a server was busy. The longest pause is twice that. */
const BUSY_PAUSE_MS = 1_000;
/** Clients that connect per second at the start. */
const CLIENTS_PER_SECOND = 200;
/** Time without progress after which nothing more is expected. */
const QUIET_MS = 10_000;

export type DeliveryContext = {
  server: Pick<BenchServer, 'createDatabase'>;
  startApi(databaseUrl: string): Promise<BenchApi>;
  log(line: string): void;
};

/** One client, over all its connections. */
type Client = {
  connect: Connector;
  run: string;
  random: Random;
  received: ReceivedSteps;
  /** Delay of its first connection. */
  startMs: number;
  connections: number;
  cuts: number;
  /** Number of connections that a busy server rejected. */
  rejections: number;
};

/** The data that all clients share. */
type Session = {
  url: string;
  steps: number;
  /** The time of each commit, by run and step number. */
  committedAt: Map<string, number>;
  stop: AbortSignal;
  meanConnectionMs: number;
};

const connectors = Object.entries(CONNECTORS);

/**
 * Connects clients over SSE, GraphQL and `/ws` to runs, and commits steps meanwhile. Each client is
 * cut off at random and continues a little later behind its last step. It must receive every step
 * of its run once and in order. Clients and commits share this process.
 */
export async function testSubscribers(
  { server, startApi, log }: DeliveryContext,
  options: Pick<Options, 'seed' | 'clients' | 'seconds' | 'runs'>,
  meanConnectionMs: number = MEAN_CONNECTION_MS,
): Promise<Figure[]> {
  const { seed, seconds, runs } = options;
  const database = await server.createDatabase();
  const api = await startApi(database.url);
  const notifier = createNotifier(database.url);
  const stop = new AbortController();
  try {
    const ids = await insertRuns(database, runs);
    const worker = await registerByHand(database.pool);
    await claimByHand(database.pool, worker, ids);
    const steps = seconds * STEPS_PER_SECOND;
    const clients = createClients(options, ids);
    const session: Session = {
      url: api.url,
      steps,
      committedAt: new Map(),
      stop: stop.signal,
      meanConnectionMs,
    };
    const errors: unknown[] = [];
    for (const client of clients) {
      followRun(client, session).catch((error: unknown) => errors.push(error));
    }
    await waitForCount(
      () => clients.filter(({ connections }) => connections > 0).length,
      clients.length,
    );
    log(`${clients.length} clients follow ${runs} runs of ${steps} steps; seed ${seed}`);
    const commit = async (id: string, seq: number): Promise<void> => {
      session.committedAt.set(`${id} ${seq}`, performance.now());
      await commitByHand(database.pool, worker, id, seq);
      notifier.announce(id);
    };
    const commitsPerSecond = await commitSteadily(ids, steps, commit);
    log(`${Math.round(commitsPerSecond)} commits per second`);
    await waitForCount(
      () => sum(clients.map(({ received }) => received.last)),
      clients.length * steps,
    );
    if (errors.length > 0) log(`${errors.length} connections failed; the first: ${errors[0]}`);
    return summarizeClients(clients, steps, errors.length);
  } finally {
    stop.abort();
    await notifier.close();
    await api.stop();
    await database.drop();
  }
}

function createClients(
  { seed, clients, runs }: Pick<Options, 'seed' | 'clients' | 'runs'>,
  ids: readonly string[],
): Client[] {
  return Array.from({ length: clients }, (_, index) => {
    const [, connect] = connectors[index % connectors.length] as (typeof connectors)[number];
    return {
      connect,
      run: ids[Math.floor(index / connectors.length) % runs] ?? '',
      random: randomOf(seed, 'client', index),
      received: new ReceivedSteps(),
      startMs: (index / CLIENTS_PER_SECOND) * 1_000,
      connections: 0,
      cuts: 0,
      rejections: 0,
    };
  });
}

/** Commits the steps of all runs at a steady rate. Returns the number of commits per second. */
async function commitSteadily(
  ids: readonly string[],
  steps: number,
  commit: (id: string, seq: number) => Promise<void>,
): Promise<number> {
  const startedAt = performance.now();
  const intervalMs = 1_000 / STEPS_PER_SECOND / ids.length;
  for (let seq = 1; seq <= steps; seq += 1) {
    for (const [index, id] of ids.entries()) {
      const dueAt = startedAt + ((seq - 1) * ids.length + index) * intervalMs;
      const ms = dueAt - performance.now();
      if (ms > 1) await sleep(ms);
      await commit(id, seq);
    }
  }
  return (ids.length * steps) / ((performance.now() - startedAt) / 1_000);
}

/** Connects a client again and again, until it has received all steps. */
async function followRun(client: Client, session: Session): Promise<void> {
  const { random, received } = client;
  await sleep(client.startMs);
  while (received.last < session.steps && !session.stop.aborted) {
    if ((await followOnce(client, session)) === 'busy') {
      client.rejections += 1;
      await sleep(BUSY_PAUSE_MS + random.int(0, BUSY_PAUSE_MS));
    }
    if (received.last < session.steps) await sleep(random.int(0, MOST_PAUSE_MS));
  }
}

/** Follows the run over one connection, until the connection ends or is cut. */
async function followOnce(
  client: Client,
  { url, steps, committedAt, stop, meanConnectionMs }: Session,
): Promise<'busy' | undefined> {
  const { connect, run, random, received } = client;
  let connectedAt: number | undefined;
  let isCut = false;
  let timer: NodeJS.Timeout | undefined;
  const connection = connect({
    url,
    id: run,
    after: received.last,
    onConnect() {
      connectedAt = performance.now();
      client.connections += 1;
      timer = setTimeout(cutAtRandom, -Math.log(1 - random.next()) * meanConnectionMs);
    },
    onStep(seq) {
      if (isCut) return; // the step was in flight when the connection was cut
      received.add(seq, committedAt.get(`${run} ${seq}`) ?? 0, connectedAt, performance.now());
      if (received.last >= steps) cut();
    },
  });
  const cut = () => {
    isCut = true;
    connection.cut();
  };
  const cutAtRandom = () => {
    client.cuts += 1;
    cut();
  };
  stop.addEventListener('abort', cut, { once: true });
  try {
    return await connection.ended;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', cut);
  }
}

function summarizeClients(clients: readonly Client[], steps: number, errors: number): Figure[] {
  const bench = 'subscribers';
  const total = (select: (client: Client) => number) => sum(clients.map(select));
  const latencies = (connector: Connector) =>
    clients
      .filter(({ connect }) => connect === connector)
      .flatMap(({ received }) => received.latencies);
  const none = { atMost: 0 };
  const lost = total(({ received }) => received.countLost(steps));
  const doubled = total(({ received }) => received.doubled);
  return [
    figure(
      bench,
      'steps_told',
      total(({ received }) => received.last),
      'count',
    ),
    figure(
      bench,
      'cuts',
      total(({ cuts }) => cuts),
      'count',
    ),
    figure(
      bench,
      'turned_away',
      total(({ rejections }) => rejections),
      'count',
    ),
    figure(bench, 'missing', lost, 'count', none),
    figure(bench, 'doubled', doubled, 'count', none),
    figure(bench, 'broken_connections', errors, 'count', none),
    ...connectors.flatMap(([name, connect]) => [
      figure(bench, `${name}_ms_p50`, percentile(latencies(connect), 50), 'ms'),
      figure(bench, `${name}_ms_p99`, percentile(latencies(connect), 99), 'ms'),
    ]),
  ];
}

async function insertRuns({ pool }: BenchDatabase, count: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('development'), 'run ' || i from generate_series(1, $1::int) as i returning id`,
    [count],
  );
  return rows.map(({ id }) => id);
}

/** Waits until the count is reached, or has not changed for a while. */
async function waitForCount(count: () => number, goal: number): Promise<void> {
  let last: number | undefined;
  let changedAt = performance.now();
  while (count() < goal && performance.now() - changedAt < QUIET_MS) {
    if (count() !== last) changedAt = performance.now();
    last = count();
    await sleep(50);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
