import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  createLatch,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  stepsOf,
  waitForEnd,
} from '../runtime/arrange.ts';
import { all, one, rolledBack } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { killWorkerProcesses, startWorkerProcess } from './worker-process.ts';

const database = testDatabase();
let server: FakeServer;
let healthy: Worker;
const gate = createLatch();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ index }) => {
    if (index === 0) await gate.opened;
    return { content: `answer ${index + 1}` };
  });
});
afterAll(async () => {
  killWorkerProcesses();
  await healthy?.stop(0);
  await server.close();
});

test('a worker with a late heartbeat reaps others, but not itself', async () => {
  const { pool } = database;
  // the next heartbeat waits for a lock that the test holds, so that a reaper comes before it
  const { definition } = await one(
    pool,
    `select pg_get_functiondef('howdah_private.heartbeat(uuid)'::regprocedure) as definition`,
  );
  await pool.query(definition.replace(/begin/i, '$&\n perform pg_advisory_xact_lock_shared(1);'));
  const worker = await startTestWorker(database.url);
  const [self] = await all(pool, 'select id from howdah_private.workers');
  await rolledBack(pool, async (holder) => {
    await holder.query('select pg_advisory_xact_lock(1)');
    await eventually(
      pool,
      'a heartbeat waits',
      `select from pg_stat_activity where application_name = 'howdah-live' and wait_event = 'advisory'
         and datname = current_database()`,
    );
    await pool.query(
      `update howdah_private.workers set heartbeat_at = clock_timestamp() - interval '1 minute'`,
    );
    // each call of the reaper removes one worker, so that the third call has removed all
    for (let round = 0; round < 3; round += 1) {
      await pool.query(
        `insert into howdah_private.workers (id, pool_id, host, pid, release, protocol, heartbeat_at)
         select gen_random_uuid(), 'dead', host, 0, release, protocol, heartbeat_at
         from howdah_private.workers`,
      );
      await eventually(
        pool,
        'it has reaped the dead worker',
        `select where not exists (select from howdah_private.workers where pool_id = 'dead')`,
      );
    }
  });
  expect(await all(pool, 'select id from howdah_private.workers')).toEqual([self]);
  await eventually(
    pool,
    'its heartbeat has arrived',
    `select from howdah_private.workers where heartbeat_at > clock_timestamp() - interval '10 seconds'`,
  );
  expect(await all(pool, 'select id from howdah_private.workers')).toEqual([self]);
  await worker.stop(0);
  await pool.query(definition);
});

test('a frozen worker is reaped; after thawing it writes nothing and returns as another worker', async () => {
  const { pool } = database;
  const frozen = await startWorkerProcess(database.url, { openai: server.url });
  const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
  const id = await insertRun(pool, agent);
  await expect.poll(() => server.requests.length, { timeout: 60_000 }).toBe(1);
  const { owner_worker: old, fence } = await executionOf(pool, id);
  healthy = await startTestWorker(database.url, { openai: server.url });

  frozen.signal('SIGSTOP');
  // Its connection still holds its presence lock. Only the heartbeat is missing, and the test does
  // not wait for the next one.
  await pool.query(
    `update howdah_private.workers set heartbeat_at = now() - interval '1 minute' where id = $1`,
    [old],
  );
  const run = await waitForEnd(pool, id);
  expect(run).toMatchObject({ status: 'completed', output: 'answer 2' });
  expect(run.fence).toBeGreaterThan(fence);
  gate.open(); // the frozen worker finds its answer when it continues

  frozen.signal('SIGCONT');
  const ids = await Promise.all(Array.from({ length: 20 }, () => insertRun(pool, agent)));
  const back = await eventually<{ id: string }>(
    pool,
    'it is back under a new identity',
    'select id from howdah_private.workers where pid = $1 and id <> $2',
    [frozen.pid, old],
  );
  expect(back.id).not.toBe(old);
  expect(await kindsOf(pool, id)).toBe('model output');
  expect((await stepsOf(pool, id)).map(({ worker }) => worker)).not.toContain(old);
  // Jobs that it claimed between its continuation and the detection are not lost.
  for (const run of ids) {
    expect((await waitForEnd(pool, run)).status).toBe('completed');
    expect(await kindsOf(pool, run)).toBe('model output');
  }
  frozen.signal('SIGTERM');
  expect(await frozen.ended).toEqual({ code: 0, signal: null });
});
