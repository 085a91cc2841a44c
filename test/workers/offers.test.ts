import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Worker } from '../../workers/start-worker.ts';
import { executionOf, insertRun, makeAgent, waitForEnd } from '../runtime/arrange.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

const database = testDatabase();
let worker: Worker;
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(database.pool, { script: [{ content: 'done' }] });
  worker = await startTestWorker(database.url);
});
afterAll(() => worker.stop(0));

/** Inserts runs in one statement. */
async function insertRuns(count: number): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>(
    `insert into howdah.executions (agent_id, input)
     select $1, 'ticket ' || n from generate_series(1, $2) as n returning id`,
    [agent, count],
  );
  return rows.map(({ id }) => id);
}

test('a worker claims an offered run, although another worker has taken the wake-up', async () => {
  const client = await database.pool.connect();
  await client.query('begin');
  const id = await insertRun(client as never, agent);
  await client.query(
    `update graphile_worker._private_jobs set locked_at = now(), locked_by = 'another worker'
     where key = $1`,
    [id],
  );
  await client.query('commit');
  client.release();
  expect((await waitForEnd(database.pool, id)).status).toBe('completed');
  await database.pool.query(`delete from graphile_worker._private_jobs where key = $1`, [id]);
});

test('each run of many small inserts is executed once', async () => {
  const ids = (
    await Promise.all(Array.from({ length: 12 }, (_, index) => insertRuns((index % 4) + 1)))
  ).flat();
  for (const id of ids) {
    expect((await waitForEnd(database.pool, id)).status).toBe('completed');
    expect(await executionOf(database.pool, id)).toMatchObject({ fence: 1, step_count: 2 });
  }
});

test('forged offers claim no run that is not due, and break nothing', async () => {
  const { pool } = database;
  const [done = ''] = await insertRuns(1);
  const before = await waitForEnd(pool, done);
  const later = await insertRun(pool, agent, 'later', { run_at: new Date(Date.now() + 3_600_000) });
  const { rows } = await pool.query('select id from howdah_private.workers');
  const forged = [
    `${rows[0].id} ${done} ${later} ${randomUUID()}`,
    `${rows[0].id} ${'x'.repeat(7_000)}`,
    `${rows[0].id} not-an-id ${done} ${done} ${done} ${later} ${later}`,
    `${rows[0].id}`,
    `${randomUUID()} ${later}`,
  ];
  for (const payload of forged) {
    await pool.query(`select pg_notify(howdah_private.channel('due_runs'), $1)`, [payload]);
  }
  const id = await insertRun(pool, agent);
  expect((await waitForEnd(pool, id)).status).toBe('completed');
  expect(await executionOf(pool, done)).toEqual(before);
  expect(await executionOf(pool, later)).toMatchObject({ status: 'queued', fence: 0 });
  await pool.query('select howdah.cancel_execution($1)', [later]);
});
