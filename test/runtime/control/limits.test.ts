import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  createLatch,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
let silent: FakeServer;
const gate = createLatch();
const started: string[] = [];

const empty = { type: 'object' };
const tools: CustomTool[] = [
  { name: 'look', description: '', parameters: empty, run: () => 'seen' },
  {
    name: 'block',
    description: '',
    parameters: empty,
    run: () => gate.opened.then(() => 'open'),
  },
  {
    name: 'begin',
    description: '',
    parameters: empty,
    run: (_args, { execution_id }) => started.push(execution_id),
  },
];

beforeAll(async () => {
  silent = await startOpenAiServer(() => ({ stall: 'before_headers' }));
  worker = await startTestWorker(database.url, { tools, concurrency: 1, wakeUpSlots: 8 });
});
afterAll(async () => {
  await worker.stop(1_000);
  await silent.close();
});

const look = { ...callTools({ name: 'look' }), usage: { tokens_in: 80, tokens_out: 20 } };
const forEver = Array.from({ length: 20 }, () => look);

describe('a limit ends the run as failed with its reason and a guard step', () => {
  test('max_steps: limits the number of model answers', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: forEver, tools: ['look'], max_steps: 3 });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({
      status: 'failed',
      stop_reason: 'max_steps',
      model_count: 3,
      error: { code: 'limit_reached', message: expect.stringContaining('max_steps') },
    });
    expect(await kindsOf(pool, run.id)).toBe('model tool model tool model tool guard');
    expect((await stepsOf(pool, run.id)).at(-1)).toMatchObject({ name: 'max_steps' });
  });

  test('max_steps: accepts a final answer that reaches the limit', async () => {
    const agent = await makeAgent(database.pool, { script: [{ content: 'ok' }], max_steps: 1 });
    expect((await runToEnd(database.pool, agent)).status).toBe('completed');
  });

  test('max_tokens: exceeded by at most the call in progress', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: forEver, tools: ['look'], max_tokens: 250 });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'max_tokens', model_count: 3 });
    expect(Number(run.tokens_in) + Number(run.tokens_out)).toBe(300);
    expect((await stepsOf(pool, run.id)).at(-1)).toMatchObject({
      kind: 'guard',
      name: 'max_tokens',
    });
  });

  test('max_cost: counted by the prices of the model', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      models: [{ script: forEver, input_price: 1000, output_price: 1000 }],
      tools: ['look'],
      max_cost: 0.15,
    });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'max_cost', model_count: 2 });
    expect(Number(run.cost)).toBe(0.2);
    expect((await stepsOf(pool, run.id)).at(-1)).toMatchObject({ kind: 'guard', name: 'max_cost' });
  });

  test('max_seconds: applies while a model server hangs, and aborts the call', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      models: [{ provider: 'openai', base_url: silent.url }],
      max_seconds: 1,
    });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'max_time' });
    expect(await kindsOf(pool, run.id)).toBe('guard');
    await silent.requests.at(-1)?.left;
    // the worker releases the run after it has received the result of the commit
    await expect.poll(() => worker.inFlight).toBe(0);
  });

  test('max_seconds: applies while a tool hangs', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [callTools({ name: 'block' }), { content: 'never' }],
      tools: ['block'],
      max_seconds: 1,
    });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({ status: 'failed', stop_reason: 'max_time' });
  });
});

describe('the queue', () => {
  test('a run does not start before its time', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { script: [{ content: 'ok' }] });
    const id = await insertRun(pool, agent, 'later', { run_at: new Date(Date.now() + 3_600_000) });
    await runToEnd(pool, agent, 'now');
    await pool.query('select howdah_private.repair_queue()');
    await runToEnd(pool, agent, 'now as well');
    expect(await executionOf(pool, id)).toMatchObject({ status: 'queued', started_at: null });
    await pool.query('update howdah.executions set run_at = now() where id = $1', [id]);
    await pool.query('select howdah_private.enqueue_advance(array[$1::uuid])', [id]);
    expect((await waitForEnd(pool, id)).status).toBe('completed');
  });

  test('a smaller priority number runs first with one slot', async () => {
    const { pool } = database;
    const gateway = await makeAgent(pool, {
      script: [callTools({ name: 'block' }), { content: 'ok' }],
      tools: ['block'],
    });
    const agent = await makeAgent(pool, {
      script: [callTools({ name: 'begin' }), { content: 'ok' }],
      tools: ['begin'],
    });
    const holder = await insertRun(pool, gateway);
    await eventually(
      pool,
      'the slot is taken',
      'select from howdah.steps where execution_id = $1',
      [holder],
    );
    const ids: string[] = [];
    for (const priority of [30, 10, 20, -5, 0]) {
      ids.push(await insertRun(pool, agent, String(priority), { priority }));
    }
    await eventually(
      pool,
      'all of them wait for the slot',
      `select from graphile_worker._private_jobs where key = any ($1) and locked_at is not null
       having count(*) = 5`,
      [ids],
    );
    gate.open();
    await Promise.all(ids.map((id) => waitForEnd(pool, id)));
    expect(started).toEqual([3, 4, 1, 2, 0].map((index) => ids[index]));
  });
});
