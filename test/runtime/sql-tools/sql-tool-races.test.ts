import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { lockRun } from '../../support/database/run-heads.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, insertRun, kindsOf, makeAgent, waitForEnd } from '../arrange.ts';
import { createShop, readCounter, takeLock, waitForWaitingTools } from '../shop.ts';

const database = testDatabase();
let worker: Worker;

beforeAll(async () => {
  await createShop(database.pool);
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
});

/**
 * Takes a run away from its worker, as the reaper does for a dead worker. The run is woken
 * separately.
 */
function takeOver(client: pg.Pool | pg.PoolClient, id: string): Promise<unknown> {
  return client.query(
    `update howdah.executions set status = 'queued', owner_worker = null, active_since = null, fence = fence + 1
     where id = $1`,
    [id],
  );
}

/** Wakes the run once the worker that lost it has released it. */
async function wake(id: string): Promise<void> {
  await eventually(
    database.pool,
    'no tool is left in a transaction',
    `select where not exists (select from pg_stat_activity where datname = current_database()
       and application_name = 'howdah-tools' and state <> 'idle')`,
  );
  await database.pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
}

async function begin(...calls: Parameters<typeof callTools>): Promise<string> {
  const script = [callTools(...calls), { content: 'ok' }];
  const tools = [...new Set(calls.map(({ name }) => name))];
  return insertRun(database.pool, await makeAgent(database.pool, { script, tools }));
}

async function lockRow(id: string): Promise<pg.PoolClient> {
  const client = await database.pool.connect();
  await client.query(`begin; set local deadlock_timeout = '1h'`);
  await lockRun(client, id);
  return client;
}

test.each([
  ['count_up_behind_a_lock', 1],
  ['count_up_then_lock', 2],
])(
  'a takeover during a call rolls its effect back; the new owner makes the call once: %s',
  async (name, lock) => {
    const { pool } = database;
    const release = await takeLock(pool, lock);
    const id = await begin({ name, arguments: { name, lock } });
    await waitForWaitingTools(pool, lock);
    await takeOver(pool, id);
    await release();
    await wake(id);
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(await readCounter(pool, name)).toBe(1);
    expect(await kindsOf(pool, id)).toBe('model tool model output');
  },
);

test('a takeover while two calls commit undoes both, and the old worker lets the run go', async () => {
  const { pool } = database;
  const name = 'count_up_behind_a_lock';
  const release = await takeLock(pool, 3);
  const id = await begin(
    { name, arguments: { name: 'left', lock: 3 } },
    { name, arguments: { name: 'right', lock: 3 } },
  );
  await waitForWaitingTools(pool, 3, 2);
  const row = await lockRow(id);
  await release();
  await eventually(
    pool,
    'one commits, and the other waits for its turn',
    `select from pg_stat_activity where datname = current_database() and application_name = 'howdah-tools'
     having count(*) filter (where wait_event_type = 'Lock' and query ~ 'commit_steps') = 1
       and count(*) filter (where state = 'idle in transaction' and query ~ 'howdah_worker') = 1`,
  );
  await takeOver(row, id);
  await row.query('commit');
  row.release();
  await wake(id);
  expect((await waitForEnd(pool, id)).status).toBe('completed');
  expect([await readCounter(pool, 'left'), await readCounter(pool, 'right')]).toEqual([1, 1]);
  await expect.poll(() => worker.inFlight).toBe(0);
});

test('a deadlock undoes the call, which is then retried', async () => {
  const { pool } = database;
  await pool.query(`insert into shop.counters values ('dead', 0)`);
  const release = await takeLock(pool, 4);
  const id = await begin({ name: 'count_up_then_lock', arguments: { name: 'dead', lock: 4 } });
  await waitForWaitingTools(pool, 4);
  // The rival has locked the run's row and waits for the counter. The tool has locked the counter
  // and waits for the row to commit.
  // row to commit.
  const rival = await lockRow(id);
  const blocked = rival.query(`update shop.counters set value = value + 100 where name = 'dead'`);
  await eventually(
    pool,
    'the rival waits',
    `select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
     and query ~ '^update shop.counters'`,
  );
  await release();
  await blocked;
  await rival.query('commit');
  rival.release();
  expect((await waitForEnd(pool, id)).status).toBe('completed');
  expect(await readCounter(pool, 'dead')).toBe(101);
  expect(await kindsOf(pool, id)).toBe('model tool model output');
});
