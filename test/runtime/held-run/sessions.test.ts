import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  createLatch,
  executionOf,
  insertRun,
  kindsOf,
  makeAgent,
  messagesOf,
  runToEnd,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
const first = createLatch();
const turnStarted = createLatch();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ body }) => {
    const messages = body.messages as unknown as Message[];
    if (messages.at(-1)?.content === 'wait') {
      turnStarted.open();
      await first.opened;
    }
    return { content: messages.map(({ role, content }) => `${role}: ${content}`).join(' / ') };
  });
  worker = await startTestWorker(database.url, { openai: server.url });
});
afterAll(async () => {
  await worker.stop(1_000);
  await server.close();
});

async function newSession(): Promise<string> {
  const { rows } = await database.pool.query(
    'insert into howdah.sessions default values returning id',
  );
  return rows[0].id;
}

describe('a session', () => {
  test('is sent to an agent that uses history, turn by turn', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const session_id = await newSession();
    const one = await runToEnd(pool, agent, 'one', { session_id });
    const two = await runToEnd(pool, agent, 'two', { session_id });
    expect(one.output).toBe('user: one');
    expect(two.output).toBe('user: one / assistant: user: one / user: two');
    expect([one.turn, two.turn]).toEqual([1, 2]);
  });

  test('is not sent to an agent that does not use history', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }], use_history: false });
    const session_id = await newSession();
    await runToEnd(pool, agent, 'one', { session_id });
    expect((await runToEnd(pool, agent, 'two', { session_id })).output).toBe('user: two');
  });

  test('has one live run: the others wait and run in order', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }], use_history: false });
    const session_id = await newSession();
    const ids = [await insertRun(pool, agent, 'wait', { session_id })];
    await turnStarted.opened;
    for (const input of ['b', 'c', 'd']) {
      ids.push(await insertRun(pool, agent, input, { session_id }));
    }
    for (const id of ids.slice(1)) {
      expect(await executionOf(pool, id)).toMatchObject({ status: 'waiting', waiting_for: 'turn' });
    }
    first.open();
    const runs = await Promise.all(ids.map((id) => waitForEnd(pool, id)));
    expect(runs.map(({ turn }) => turn)).toEqual([1, 2, 3, 4]);
    for (const [index, run] of runs.slice(1).entries()) {
      expect(run.started_at?.getTime()).toBeGreaterThanOrEqual(
        runs[index]?.completed_at?.getTime() ?? Number.NaN,
      );
    }
  });

  test('keeps a failed turn in the next one’s history', async () => {
    const { pool } = database;
    const broken = await makeAgent(pool, { script: [] });
    const agent = await makeAgent(pool, { models: [{ provider: 'openai' }] });
    const session_id = await newSession();
    const run = await runToEnd(pool, broken, 'goes wrong', { session_id });
    expect(run.status).toBe('failed');
    expect((await runToEnd(pool, agent, 'again', { session_id })).output).toBe(
      'user: goes wrong / user: (This turn failed before its answer: script_mismatch. What was done before stays done.) / user: again',
    );
  });
});

describe('structured output', () => {
  const output_schema = {
    type: 'object',
    required: ['colour'],
    properties: { colour: { enum: ['red', 'green'] } },
  };

  test('is stored in output_data', async () => {
    const agent = await makeAgent(database.pool, {
      script: [{ content: '{"colour": "red"}' }],
      output_schema,
    });
    const run = await runToEnd(database.pool, agent);
    expect(run).toMatchObject({ output: '{"colour": "red"}', output_data: { colour: 'red' } });
  });

  test('is repaired once, through a user message in the log', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [
        { content: 'blue' },
        { content: '{"colour": "green"}', expect: { last_content_contains: 'not JSON' } },
      ],
      output_schema,
    });
    const run = await runToEnd(pool, agent);
    expect(run.output_data).toEqual({ colour: 'green' });
    expect(await kindsOf(pool, run.id)).toBe('model guard model output');
    const roles = (await messagesOf(pool, run.id)).map(({ role }) => role);
    expect(roles).toEqual(['user', 'assistant', 'user', 'assistant']);
  });

  test('that is invalid twice fails the run', async () => {
    const { pool } = database;
    const agent = await makeAgent(pool, {
      script: [{ content: 'blue' }, { content: '{"colour": "blue"}' }],
      output_schema,
    });
    const run = await runToEnd(pool, agent);
    expect(run).toMatchObject({
      status: 'failed',
      stop_reason: 'error',
      error: { code: 'invalid_output' },
      output: null,
    });
    expect(await kindsOf(pool, run.id)).toBe('model guard model error');
  });

  test('rejects an invalid schema when it is written', async () => {
    const made = makeAgent(database.pool, { output_schema: { type: 'nonsense' } });
    await expect(made).rejects.toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('output_schema.type'),
    });
  });
});
