import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchApi } from '../../bench/processes/api.ts';
import { claimByHand, commitByHand, registerByHand } from '../../bench/runs/by-hand.ts';
import { type Figure, figure, percentile } from '../../bench/figures.ts';
import type { BenchDatabase, BenchServer } from '../../bench/server.ts';
import { createNotifier } from '../../src/db/feed/notifier.ts';
import { type Random, randomOf } from '../load/random.ts';
import { CONNECTORS, type Connector } from './stream-clients.ts';
import type { Options } from './options.ts';
import { ReceivedSteps } from './received-steps.ts';

/** Every run makes so many steps a second. */
const STEPS_A_SECOND = 2;
/** On average a client is cut off after so long. */
const BETWEEN_CUTS_MS = 15_000;
/** He is away for up to so long. */
const AWAY_MS = 500;
/** Who is told that the server is busy comes back after so long and up to as long again. */
const BUSY_MS = 1_000;
/** So many come in a second at first. */
const FIRST_A_SECOND = 200;
/** When nothing has come for so long, nothing comes any more. */
const QUIET_MS = 10_000;

export type DeliveryContext = {
  server: Pick<BenchServer, 'createDatabase'>;
  startApi(databaseUrl: string): Promise<BenchApi>;
  log(line: string): void;
};
const connectors = Object.entries(CONNECTORS);
type Follower = { received: ReceivedSteps; cuts: number; connections: number; turnedAway: number };

/**
 * Clients spread over runs and over SSE, GraphQL and `/ws`, each cut off at random moments and back a little later
 * behind the last step it had. Each must have every step of its run exactly once, in order. The clients, and who
 * commits, share this process.
 */
export async function testSubscribers(
  { server, startApi, log }: DeliveryContext,
  { seed, clients, seconds, runs }: Pick<Options, 'seed' | 'clients' | 'seconds' | 'runs'>,
  betweenCutsMs: number = BETWEEN_CUTS_MS,
): Promise<Figure[]> {
  const database = await server.createDatabase();
  const api = await startApi(database.url);
  const notifier = createNotifier(database.url);
  const done = new AbortController();
  try {
    const ids = await makeRuns(database, runs);
    const worker = await registerByHand(database.pool);
    await claimByHand(database.pool, worker, ids);
    const steps = seconds * STEPS_A_SECOND;
    const committedAt = new Map<string, number>();
    const followers = Array.from({ length: clients }, (_, index) => {
      const follower: Follower = {
        received: new ReceivedSteps(),
        cuts: 0,
        connections: 0,
        turnedAway: 0,
      };
      const id = ids[Math.floor(index / connectors.length) % runs] ?? '';
      const random = randomOf(seed, 'client', index);
      const [, connect] = connectors[index % connectors.length] as (typeof connectors)[number];
      const following = follow({
        connect,
        url: api.url,
        id,
        random,
        follower,
        steps,
        committedAt,
        done,
        betweenCutsMs,
        beginMs: (index / FIRST_A_SECOND) * 1_000,
      });
      return { ...follower, connect, following, follower };
    });
    const faults: unknown[] = [];
    for (const { following } of followers) following.catch((error: unknown) => faults.push(error));
    const countConnected = () =>
      followers.filter(({ follower }) => follower.connections > 0).length;
    await waitForCount(countConnected, clients);
    log(`${clients} clients follow ${runs} runs of ${steps} steps; seed ${seed}`);
    const startedAt = performance.now();
    const betweenMs = 1_000 / STEPS_A_SECOND / runs;
    for (let seq = 1; seq <= steps; seq += 1) {
      for (const [index, id] of ids.entries()) {
        const ms = startedAt + ((seq - 1) * runs + index) * betweenMs - performance.now();
        if (ms > 1) await sleep(ms);
        committedAt.set(`${id} ${seq}`, performance.now());
        await commitByHand(database.pool, worker, id, seq);
        notifier.announce(id);
      }
    }
    const tookS = (performance.now() - startedAt) / 1_000;
    log(`${Math.round((runs * steps) / tookS)} commits a second`);
    await waitForCount(() => sum(followers.map(({ received }) => received.last)), clients * steps);
    if (faults.length > 0) log(`${faults.length} connections broke: ${faults[0]}`);
    const receivedBy = (one?: Connector) =>
      followers
        .filter(({ connect }) => one === undefined || connect === one)
        .map((each) => each.received);
    const waits = (one: Connector) => receivedBy(one).flatMap((each) => each.waits);
    const at = 'subscribers';
    return [
      figure(at, 'steps_told', sum(receivedBy().map(({ last }) => last)), 'count'),
      figure(at, 'cuts', sum(followers.map(({ follower }) => follower.cuts)), 'count'),
      figure(at, 'turned_away', sum(followers.map(({ follower }) => follower.turnedAway)), 'count'),
      figure(at, 'missing', sum(receivedBy().map((each) => each.lostOf(steps))), 'count', {
        atMost: 0,
      }),
      figure(at, 'doubled', sum(receivedBy().map(({ doubled }) => doubled)), 'count', {
        atMost: 0,
      }),
      figure(at, 'broken_connections', faults.length, 'count', { atMost: 0 }),
      ...connectors.flatMap(([name, connect]) => [
        figure(at, `${name}_ms_p50`, percentile(waits(connect), 50), 'ms'),
        figure(at, `${name}_ms_p99`, percentile(waits(connect), 99), 'ms'),
      ]),
    ];
  } finally {
    done.abort();
    await notifier.close();
    await api.stop();
    await database.drop();
  }
}

type Following = {
  connect: Connector;
  url: string;
  id: string;
  random: Random;
  follower: Follower;
  steps: number;
  committedAt: ReadonlyMap<string, number>;
  done: AbortController;
  betweenCutsMs: number;
  beginMs: number;
};

/** Connects again and again, until all steps are here. */
async function follow(options: Following): Promise<void> {
  const { connect, url, id, random, follower, steps, committedAt, done, betweenCutsMs, beginMs } =
    options;
  const { received } = follower;
  await sleep(beginMs);
  while (received.last < steps && !done.signal.aborted) {
    let connectedAt = Number.POSITIVE_INFINITY;
    let isCut = false;
    let timer: NodeJS.Timeout | undefined;
    const connection = connect({
      url,
      id,
      after: received.last,
      onConnect() {
        connectedAt = performance.now();
        follower.connections += 1;
        timer = setTimeout(cutOff, -Math.log(1 - random.next()) * betweenCutsMs);
      },
      onStep(seq) {
        if (isCut) return; // it was on its way when the line was cut
        received.take(seq, committedAt.get(`${id} ${seq}`) ?? 0, connectedAt, performance.now());
        if (received.last >= steps) cut();
      },
    });
    const cut = () => {
      isCut = true;
      connection.cut();
    };
    const cutOff = () => {
      follower.cuts += 1;
      cut();
    };
    done.signal.addEventListener('abort', cut, { once: true });
    try {
      if ((await connection.over) === 'busy') {
        follower.turnedAway += 1;
        await sleep(BUSY_MS + random.int(0, BUSY_MS));
      }
    } finally {
      clearTimeout(timer);
      done.signal.removeEventListener('abort', cut);
    }
    if (received.last < steps) await sleep(random.int(0, AWAY_MS));
  }
}

async function makeRuns({ pool }: BenchDatabase, count: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('development'), 'run ' || i from generate_series(1, $1::int) as i returning id`,
    [count],
  );
  return rows.map(({ id }) => id);
}

/** Until the count is reached, or has not moved for a while. */
async function waitForCount(count: () => number, goal: number): Promise<void> {
  let last = -1;
  let movedAt = performance.now();
  while (count() < goal && performance.now() - movedAt < QUIET_MS) {
    if (count() !== last) movedAt = performance.now();
    last = count();
    await sleep(50);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
