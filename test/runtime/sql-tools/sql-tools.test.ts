import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  insertRun,
  kindsOf,
  makeAgent,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
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

async function call(name: string, args: object = {}): Promise<{ id: string; result: string }> {
  const { pool } = database;
  const script = [callTools({ name, arguments: args as never }), { content: 'ok' }];
  const run = await runToEnd(pool, await makeAgent(pool, { script, tools: [name] }));
  expect(run.status).toBe('completed');
  return { id: run.id, result: (await resultsOf(pool, run.id))[0] ?? '' };
}

describe('a function of the database', () => {
  test('runs with the rights of the application, for the tenant of the run, with its timeout', async () => {
    const { rows } = await database.pool.query(
      `select id from howdah.tenants where slug = 'default'`,
    );
    expect((await call('who')).result).toBe(`howdah_tool for ${rows[0].id} in 1min`);
  });

  test('may not do more than the application', async () => {
    const { error } = JSON.parse((await call('read_secret')).result);
    expect(error).toMatchObject({ code: 'tool_failed', details: { sqlstate: '42501' } });
  });

  test('that takes too long is cancelled, and the model is informed', async () => {
    const { pool } = database;
    await pool.query(`update howdah.tools set timeout_ms = 100 where name = 'wait_for'`);
    const release = await takeLock(pool, 4);
    const { error } = JSON.parse((await call('wait_for', { lock: 4 })).result);
    expect(error).toMatchObject({ code: 'timeout', message: expect.stringContaining('100 ms') });
    await release();
    await pool.query(`update howdah.tools set timeout_ms = 60000 where name = 'wait_for'`);
  });

  test('runs concurrently with the other calls of its answer', async () => {
    const { pool } = database;
    const calls = [5, 6].map((lock) => ({ name: 'wait_for', arguments: { lock } }));
    const script = [callTools(...calls), { content: 'ok' }];
    const releases = [await takeLock(pool, 5), await takeLock(pool, 6)];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['wait_for'] }));
    await Promise.all([waitForWaitingTools(pool, 5), waitForWaitingTools(pool, 6)]);
    await Promise.all(releases.map((release) => release()));
    expect((await waitForEnd(pool, id)).status).toBe('completed');
    expect(await resultsOf(pool, id)).toEqual(['waited', 'waited']);
  });
});

describe('atomicity of effect and step', () => {
  test('stores effect and step of a call exactly once', async () => {
    const { id } = await call('count_up', { name: 'once' });
    expect(await readCounter(database.pool, 'once')).toBe(1);
    expect((await stepsOf(database.pool, id))[1]).toMatchObject({ kind: 'tool', output: 1 });
  });

  test('a failed call leaves only its error', async () => {
    const { id, result } = await call('count_up_and_fail', { name: 'failed' });
    expect(await readCounter(database.pool, 'failed')).toBe(0);
    expect(JSON.parse(result).error).toEqual({
      code: 'tool_failed',
      message: 'out of stock',
      retryable: false,
      details: { sqlstate: 'SH001', hint: 'Order less.', detail: 'only 3 left' },
    });
    expect(await kindsOf(database.pool, id)).toBe('model tool model output');
  });

  test('a violation at commit fails the call, not the run', async () => {
    const { result } = await call('add_orphan');
    expect(JSON.parse(result).error).toMatchObject({
      code: 'tool_failed',
      details: { sqlstate: '23503' },
    });
    expect((await database.pool.query('select from shop.items')).rowCount).toBe(0);
  });
});
