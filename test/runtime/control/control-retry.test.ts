import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  childrenOf,
  createLatch,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  makeAgentTool,
  messagesOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
/** Behaviour of the tools in this file, set by its tests. */
let hanging = createLatch();
const keys: string[] = [];
const servers: FakeServer[] = [];

const tool = (name: string, run: CustomTool['run']): CustomTool => {
  return { name, description: '', parameters: { type: 'object' }, run };
};

beforeAll(async () => {
  worker = await startTestWorker(database.url, {
    tools: [
      tool('note', (_args, { idempotency_key }) => keys.push(`note ${idempotency_key}`)),
      tool('hang', async (_args, { idempotency_key }) => {
        keys.push(`hang ${idempotency_key}`);
        await hanging.opened;
        return 'at last';
      }),
    ],
  });
});
afterEach(async () => {
  keys.length = 0;
  hanging = createLatch();
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker.stop(0);
});

const retry = async (id: string) => {
  await database.pool.query('select howdah.retry_execution($1)', [id]);
  return waitForEnd(database.pool, id);
};
const cancel = (id: string) => database.pool.query('select howdah.cancel_execution($1)', [id]);

async function flaky(answers: Parameters<typeof startOpenAiServer>[0]) {
  const server = await startOpenAiServer(answers);
  servers.push(server);
  return { server, models: [{ provider: 'openai', base_url: server.url }] };
}

describe('retry_execution', () => {
  test('of a run that the model rejected calls the model again and keeps completed work', async () => {
    const { pool } = database;
    const { server, models } = await flaky([
      { tool_calls: [{ name: 'note', arguments: {} }] },
      { status: 400 },
      { status: 400 },
      { content: 'done' },
    ]);
    const agent = await makeAgent(pool, { models, tools: ['note'] });
    const { id } = await runToEnd(pool, agent);
    expect(await retry(id)).toMatchObject({ status: 'failed' });
    expect(await retry(id)).toMatchObject({ status: 'completed', output: 'done', error: null });
    expect(await kindsOf(pool, id)).toBe(
      'model tool retry error retry retry error retry model output',
    );
    expect([keys.length, server.requests.length]).toEqual([1, 4]);
  });

  test.each([
    ['max_steps', { max_steps: 1 }],
    ['max_tokens', { max_tokens: 1 }],
    ['max_cost', { max_cost: 0.000001 }],
  ])('of a run that used up %s grants the limit again, repeatedly', async (stop_reason, limits) => {
    const { pool } = database;
    const call = { ...callTools({ name: 'note' }), usage: { tokens_in: 10, tokens_out: 10 } };
    const script = [call, call, { content: 'done' }];
    const models = [{ script, input_price: 1, output_price: 1 }];
    const agent = await makeAgent(pool, { models, tools: ['note'], ...limits });
    const first = await runToEnd(pool, agent);
    expect(first).toMatchObject({ status: 'failed', stop_reason, model_count: 1 });
    expect(await retry(first.id)).toMatchObject({ status: 'failed', stop_reason, model_count: 2 });
    expect(await retry(first.id)).toMatchObject({ status: 'completed', model_count: 3 });
    expect(keys).toHaveLength(2);
  });

  test('of a run that used up max_time grants the same time again', async () => {
    const { pool } = database;
    const { models } = await flaky(({ index }) =>
      index === 0 ? { stall: 'before_headers' } : { content: 'done' },
    );
    const { id, stop_reason } = await runToEnd(
      pool,
      await makeAgent(pool, { models, max_seconds: 1 }),
    );
    expect(stop_reason).toBe('max_time');
    expect(await retry(id)).toMatchObject({ status: 'completed', output: 'done' });
  });

  test('of a run cancelled during its calls makes only those without a result', async () => {
    const { pool } = database;
    const script = [callTools({ name: 'note' }, { name: 'hang' }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: ['note', 'hang'] }));
    await expect.poll(() => keys.length).toBe(2);
    await expect.poll(() => kindsOf(pool, id)).toBe('model tool');
    await cancel(id);
    hanging.open();
    expect(await retry(id)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await kindsOf(pool, id)).toBe('model tool retry tool model output');
    expect(keys.filter((key) => key.startsWith('note'))).toHaveLength(1);
    const hung = keys.filter((key) => key.startsWith('hang'));
    expect([hung.length, new Set(hung).size]).toEqual([2, 1]); // the same key both times
  });

  test('of an answer that violated the schema lets the model correct it once more', async () => {
    const { pool } = database;
    const output_schema = {
      type: 'object',
      properties: { n: { type: 'integer' } },
      required: ['n'],
    };
    const script = [{ content: '{}' }, { content: '{}' }, { content: '{"n": 7}' }];
    const first = await runToEnd(pool, await makeAgent(pool, { script, output_schema }));
    expect(first).toMatchObject({ status: 'failed', error: { code: 'invalid_output' } });
    expect(await retry(first.id)).toMatchObject({ status: 'completed', output_data: { n: 7 } });
  });

  test('of a run that the loop guard stopped restarts the count', async () => {
    const { pool } = database;
    const again = callTools({ name: 'todo', arguments: { action: 'list' } });
    const script = [...Array.from({ length: 7 }, () => again), { content: 'done' }];
    const agent = await makeAgent(pool, { script, tools: ['todo'] });
    const first = await runToEnd(pool, agent);
    expect(first).toMatchObject({ status: 'failed', stop_reason: 'loop_guard' });
    expect(await retry(first.id)).toMatchObject({ status: 'completed' });
  });

  test('of a parent restarts a child that was cancelled with it', async () => {
    const { pool } = database;
    const helper = await makeAgent(pool, {
      script: [callTools({ name: 'hang' }), { content: 'found' }],
      tools: ['hang'],
    });
    const ask = await makeAgentTool(pool, helper);
    const script = [callTools({ name: ask, arguments: { message: 'Look.' } }), { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: [ask] }));
    await expect.poll(() => keys.length).toBe(1);
    await cancel(id);
    hanging.open();
    expect(await retry(id)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await kindsOf(pool, id)).toBe(
      'model child_started retry child_started child tool model output',
    );
    const children = await childrenOf(pool, id);
    expect(children.map(({ status }) => status)).toEqual(['cancelled', 'completed']);
    expect(new Set(keys).size).toBe(2); // another child has another key
  });

  test('of a parent keeps the answer of a finished child', async () => {
    const { pool } = database;
    const helper = await makeAgent(pool, { script: [{ content: 'found' }] });
    const ask = await makeAgentTool(pool, helper);
    const calls = callTools({ name: ask, arguments: { message: 'Look.' } }, { name: 'hang' });
    const script = [calls, { content: 'done' }];
    const id = await insertRun(pool, await makeAgent(pool, { script, tools: [ask, 'hang'] }));
    await expect.poll(async () => (await childrenOf(pool, id))[0]?.status).toBe('completed');
    await expect.poll(() => keys.length).toBe(1);
    await cancel(id);
    hanging.open();
    expect(await retry(id)).toMatchObject({ status: 'completed' });
    expect(await childrenOf(pool, id)).toHaveLength(1);
  });
});

describe('fork_execution', () => {
  const fork = async (id: string, seq?: number, input?: string) => {
    const { rows } = await database.pool.query('select * from howdah.fork_execution($1, $2, $3)', [
      id,
      seq,
      input,
    ]);
    return waitForEnd(database.pool, rows[0].id);
  };
  const script = [
    { ...callTools({ name: 'note' }, { name: 'note' }), usage: { tokens_in: 5, tokens_out: 5 } },
    { content: 'done', usage: { tokens_in: 7, tokens_out: 7 } },
    { content: 'more', usage: { tokens_in: 1, tokens_out: 1 } },
  ];

  test('after all calls calls only the model, and counts only that usage', async () => {
    const { pool } = database;
    const { id } = await runToEnd(pool, await makeAgent(pool, { script, tools: ['note'] }));
    expect(await fork(id, 3)).toMatchObject({
      status: 'completed',
      output: 'done',
      tokens_in: '7',
      model_count: 1,
    });
    expect(keys).toHaveLength(2);
  });

  test('during calls makes those without a result there, and no others', async () => {
    const { pool } = database;
    const { id } = await runToEnd(pool, await makeAgent(pool, { script, tools: ['note'] }));
    const copy = await fork(id, 2);
    expect(await kindsOf(pool, copy.id)).toBe('model tool fork tool model output');
    expect([keys.length, new Set(keys).size]).toEqual([3, 3]); // a separate run has separate keys
  });

  test('during calls with an input adds the input after their results', async () => {
    const { pool } = database;
    const { id } = await runToEnd(pool, await makeAgent(pool, { script, tools: ['note'] }));
    const copy = await fork(id, 2, 'Hurry.');
    expect(copy).toMatchObject({ status: 'completed', output: 'done' });
    const said = (await messagesOf(pool, copy.id)).map(({ role }) => role);
    expect(said).toEqual(['user', 'assistant', 'tool', 'user', 'tool', 'assistant']);
  });

  test('of a completed run with an input continues it; without one it ends the same way', async () => {
    const { pool } = database;
    const { id } = await runToEnd(pool, await makeAgent(pool, { script, tools: ['note'] }));
    expect(await fork(id, undefined, 'And?')).toMatchObject({ output: 'more', tokens_in: '1' });
    expect(await fork(id)).toMatchObject({ output: 'done', tokens_in: '0' });
    expect(keys).toHaveLength(2);
  });

  test('repeats a question whose answer had not become a result', async () => {
    const { pool } = database;
    const ask = callTools({ name: 'ask_user', arguments: { question: 'Which?' } });
    const asking = await makeAgent(pool, { script: [ask, { content: 'ok' }], tools: ['ask_user'] });
    const answer = async (id: string, text: string) => {
      await expect.poll(async () => (await executionOf(pool, id)).waiting_for).toBe('question');
      await pool.query(
        `select howdah.answer_question(id, $2) from howdah.questions where execution_id = $1 and status = 'open'`,
        [id, text],
      );
      return waitForEnd(pool, id);
    };
    const id = await insertRun(pool, asking);
    await answer(id, 'blue');
    expect(await kindsOf(pool, id)).toBe('model question answer tool model output');
    for (const seq of [1, 2, 3]) {
      const { rows } = await pool.query('select id from howdah.fork_execution($1, $2)', [id, seq]);
      await answer(rows[0].id, 'red');
      const toolMessage = (await messagesOf(pool, rows[0].id)).find(({ role }) => role === 'tool');
      expect(toolMessage?.content).toContain('red');
    }
    const forked = await fork(id, 4);
    const toolMessage = (await messagesOf(pool, forked.id)).find(({ role }) => role === 'tool');
    expect(toolMessage?.content).toContain('blue');
  });

  test('of a failed run continues from its last step, as a separate run', async () => {
    const { pool } = database;
    const { models } = await flaky(({ index }) =>
      index === 0 ? { status: 400 } : { content: 'done' },
    );
    const { id } = await runToEnd(pool, await makeAgent(pool, { models }));
    const before = await stepsOf(pool, id);
    expect(await fork(id)).toMatchObject({ status: 'completed', output: 'done' });
    expect(await stepsOf(pool, id)).toEqual(before);
    expect(await executionOf(pool, id)).toMatchObject({ status: 'failed' });
  });
});
