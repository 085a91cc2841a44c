import type pg from 'pg';
import type { Bench, BenchContext } from '../bench.ts';
import { figure, percentile } from '../figures.ts';
import { claimByHand, commitByHand, registerByHand } from '../runs/sql-worker.ts';
import type { BenchDatabase } from '../server.ts';
import { type Feed, openApiFeed, openBareFeed } from './feeds.ts';

const CLIENTS = 1_000;
const RUNS = 100;
const STEPS = 20;

/** Each run commits two steps per second, so the server writes 2,000 frames per second. */
const BETWEEN_COMMITS_MS = 1_000 / 2 / RUNS;

/** Milliseconds from before a commit to each arrival of its step, and frames per second. */
type Measured = { waits: number[]; rate: number };

/**
 * 1,000 GraphQL subscribers on a socket each, ten for each run. Measures the time from before the
 * commit of a step until a client receives it. The API is a process of its own; all clients are in
 * this process. Each step must reach each of its ten subscribers.
 *
 * The limit is the same with LISTEN and plain sockets. A third measurement commits as fast as one
 * connection can, and counts the frames per second.
 */
export const subscribers: Bench = async (context) => {
  const ours: Measured[] = [];
  const bare: Measured[] = [];
  const flatOut: Measured[] = [];
  for (let round = 1; round <= context.rounds(3); round += 1) {
    ours.push(await measure(context, openApiFeed, BETWEEN_COMMITS_MS));
    bare.push(await measure(context, openBareFeed, BETWEEN_COMMITS_MS));
    flatOut.push(await measure(context, openApiFeed, 0));
  }
  const percentiles = (rounds: Measured[], percent: number): number[] =>
    rounds.map(({ waits }) => percentile(waits, percent));
  const limit = { role: 'limit' } as const;
  const lost = [...ours, ...flatOut].reduce(
    (sum, { waits }) => sum + CLIENTS * STEPS - waits.length,
    0,
  );
  const rates = flatOut.map(({ rate }) => rate);
  return [
    figure('subscribers', 'subscribers_ms_p50', percentiles(ours, 50), 'ms'),
    figure('subscribers', 'subscribers_ms_p99', percentiles(ours, 99), 'ms', { atMost: 50 }),
    figure('subscribers', 'bare_feed_ms_p50', percentiles(bare, 50), 'ms', limit),
    figure('subscribers', 'bare_feed_ms_p99', percentiles(bare, 99), 'ms', limit),
    figure('subscribers', 'subscribers_frames_per_second', rates, '1/s'),
    figure('subscribers', 'subscribers_flat_out_ms_p99', percentiles(flatOut, 99), 'ms'),
    figure('subscribers', 'subscribers_lost', lost, 'count', { atMost: 0 }),
  ];
};

async function measure(
  { server, talk }: BenchContext,
  openFeed: (database: BenchDatabase) => Promise<Feed>,
  betweenMs: number,
): Promise<Measured> {
  const database = await server.createDatabase();
  const { pool } = database;
  const feed = await openFeed(database);
  try {
    const worker = await registerByHand(pool);
    const ids = await insertRuns(pool);
    await claimByHand(pool, worker, ids);
    const committedAt = new Map<string, number>();
    const waits: number[] = [];
    let arrivedAt = 0;
    for (let index = 0; index < CLIENTS; index += 1) {
      const id = ids[index % RUNS] ?? '';
      feed.connect(id, (seq) => {
        arrivedAt = performance.now();
        waits.push(arrivedAt - (committedAt.get(`${id} ${seq}`) ?? Number.NaN));
      });
    }
    await waitForCount(feed.readiness, 1);
    const startedAt = performance.now();
    for (let seq = 1; seq <= STEPS; seq += 1) {
      for (const [index, id] of ids.entries()) {
        await sleepUntil(startedAt + ((seq - 1) * RUNS + index) * betweenMs);
        committedAt.set(`${id} ${seq}`, performance.now());
        await commitByHand(pool, worker, id, seq);
        feed.announce(id, seq);
      }
    }
    await waitForCount(async () => waits.length, CLIENTS * STEPS);
    talk(`${waits.length} of ${CLIENTS * STEPS} arrived`);
    return { waits, rate: (waits.length / (arrivedAt - startedAt)) * 1_000 };
  } finally {
    await feed.stop();
    await database.drop();
  }
}

async function insertRuns(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('development'), 'run ' || i from generate_series(1, $1::int) as i returning id`,
    [RUNS],
  );
  return rows.map((row) => row.id);
}

/** Sleeps until a time of `performance.now()`. Returns at once if that time has passed. */
async function sleepUntil(moment: number): Promise<void> {
  const ms = moment - performance.now();
  if (ms > 1) {
    await new Promise((resolve) => setTimeout(resolve, ms));
  }
}

/** Waits until the count reaches the goal, or has not changed for five seconds. */
async function waitForCount(count: () => Promise<number>, goal: number): Promise<void> {
  let last = -1;
  let changedAt = performance.now();
  while (performance.now() - changedAt < 5_000) {
    const now = await count();
    if (now >= goal) {
      await new Promise((resolve) => setTimeout(resolve, 1_000)); // a run is counted with its first client
      return;
    }
    if (now !== last) {
      last = now;
      changedAt = performance.now();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
