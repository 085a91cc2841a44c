import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { pino } from 'pino';
import { type Figure, figure } from '../../bench/figures.ts';
import type { ModelProvider } from '../../src/contracts/agents/model.ts';
import { createMasterKeys } from '../../src/secrets/master-keys.ts';
import { createEgress } from '../../src/tools/egress.ts';
import { startWorker, type Worker } from '../../workers/start-worker.ts';
import { randomOf } from '../load/random.ts';
import type { Options } from './options.ts';
import type { DeliveryContext } from './subscribers.ts';
import { startReceiver } from './webhook-receiver.ts';

/** Number of attempts after which a delivery has failed. */
const MOST_ATTEMPTS = 10;
/** The remaining attempts are left for the time after the recovery. */
const MOST_ATTEMPTS_WHILE_FAILING = MOST_ATTEMPTS - 2;
const MOST_WAIT_MS = 60_000;

/**
 * Ends runs while the receiver of their webhook fails. The pauses between attempts are minutes and
 * hours, so the test makes pending attempts due at once. After the receiver has recovered, it must
 * receive one event for every run, under one id.
 */
export async function testWebhooks(
  { server, log }: Pick<DeliveryContext, 'server' | 'log'>,
  { seed, seconds, runs }: Pick<Options, 'seed' | 'seconds' | 'runs'>,
): Promise<Figure[]> {
  const database = await server.createDatabase();
  const { pool } = database;
  const receiver = await startReceiver(randomOf(seed, 'receiver'));
  let worker: Worker | undefined;
  try {
    worker = await startWorkerFor(database.url, new URL(receiver.url).host);
    await pool.query(
      `insert into howdah.webhooks (url, events) values ($1, '{execution.completed}')`,
      [receiver.url],
    );
    const startedAt = performance.now();
    log(`${runs} runs end while their receiver fails for ${seconds} s; seed ${seed}`);
    for (let run = 1; run <= runs; run += 1) {
      await pool.query(`select (howdah.run('development', $1)).id`, [`run ${run}`]);
      await sleep((seconds * 1_000) / runs / 2);
    }
    await waitUntil(
      pool,
      `select count(*) = $1 as is_reached from howdah.webhook_deliveries where last_error is not null`,
      [runs],
    );
    while (performance.now() - startedAt < seconds * 1_000) {
      await makeDue(pool, MOST_ATTEMPTS_WHILE_FAILING);
      await sleep(1_000);
    }
    const failed = await countAttempts(pool);
    log(`${failed} attempts failed; the receiver has recovered`);
    receiver.recover();
    const recoveredAt = performance.now();
    await deliverPending(pool);
    const deliveries = [...receiver.deliveries.values()];
    const received = deliveries.filter(({ isReceived }) => isReceived);
    const bench = 'webhooks';
    return [
      figure(bench, 'failed_attempts', failed, 'count', { atLeast: 1 }),
      figure(bench, 'received', received.length, 'count'),
      figure(bench, 'lost', runs - received.length, 'count', { atMost: 0 }),
      figure(bench, 'ids_per_event', Math.max(...deliveries.map(({ ids }) => ids.size)), 'count', {
        atMost: 1,
      }),
      figure(bench, 'times_told_max', Math.max(...deliveries.map(({ times }) => times)), 'count'),
      figure(bench, 'undelivered_rows', await countUndelivered(pool), 'count', { atMost: 0 }),
      figure(bench, 'caught_up_s', (performance.now() - recoveredAt) / 1_000, 's'),
    ];
  } finally {
    await worker?.stop(0);
    await receiver.close();
    await database.drop();
  }
}

/** Starts a worker whose model answers at once, and which may connect to the receiver. */
function startWorkerFor(url: string, receiver: string): Promise<Worker> {
  const usage = { tokens_in: 1, tokens_out: 1 };
  const provider: ModelProvider = {
    name: 'soak',
    generate: async () => ({
      ok: true,
      value: { content: 'done', tool_calls: [], finish_reason: 'stop', usage },
    }),
  };
  return startWorker({
    url,
    concurrency: 100,
    release: 'soak',
    // The master key encrypts the signing key of the webhook.
    masterKeys: createMasterKeys({ keys: [randomBytes(32)], file: undefined }),
    builtins: [],
    tools: [],
    mcp: { egress: createEgress({ allowPrivate: [receiver] }), commands: [], environment: {} },
    log: pino({ level: 'silent' }),
    provider: () => ({ ok: true, value: provider }),
  });
}

/** Makes the pending deliveries due that had fewer attempts than `most`. */
async function makeDue(pool: pg.Pool, most: number): Promise<void> {
  await pool.query(
    `with due as (
       update howdah.webhook_deliveries set next_attempt_at = now()
       where status = 'pending' and last_error is not null and attempts < $1 returning id
     )
     update graphile_worker._private_jobs as j set run_at = now()
     from due where j.key = 'delivery ' || due.id and j.locked_at is null`,
    [most],
  );
}

/** Makes attempts due until every event is delivered. */
async function deliverPending(pool: pg.Pool): Promise<void> {
  const deadline = performance.now() + MOST_WAIT_MS;
  while ((await countUndelivered(pool)) > 0 && performance.now() < deadline) {
    await makeDue(pool, MOST_ATTEMPTS);
    await sleep(500);
  }
}

async function countUndelivered(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    `select count(*)::int as count from howdah.webhook_deliveries where status <> 'delivered'`,
  );
  return rows[0].count;
}

async function countAttempts(pool: pg.Pool): Promise<number> {
  const { rows } = await pool.query(
    'select coalesce(sum(attempts), 0)::int as count from howdah.webhook_deliveries',
  );
  return rows[0].count;
}

/** Waits until the query returns true as `is_reached`. */
async function waitUntil(pool: pg.Pool, text: string, values: unknown[]): Promise<void> {
  const deadline = performance.now() + MOST_WAIT_MS;
  while (performance.now() < deadline) {
    const { rows } = await pool.query(text, values);
    if (rows[0].is_reached) return;
    await sleep(100);
  }
  throw new Error(`this did not become true within ${MOST_WAIT_MS} ms: ${text}`);
}
