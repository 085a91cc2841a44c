import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  type FakeAnswer,
  type FakeHandler,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { insertRun, makeAgent, runToEnd, waitForEnd, waitForStatus } from '../arrange.ts';

// What a session keeps of a turn that ended without an answer.

const database = testDatabase();
const servers: FakeServer[] = [];
let worker: Worker;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
});
afterAll(async () => {
  await worker.stop(1_000);
  await Promise.all(servers.map((server) => server.close()));
});

const ADD = {
  tool_calls: [{ id: 'c1', name: 'calculator', arguments: '{"expression":"6 * 7"}' }],
};
const refusal = (status: number, message: string): FakeAnswer => ({ status, error: { message } });

/** Makes an agent whose model gives these answers, with a session. */
async function openSession(answers: FakeAnswer[] | FakeHandler, more: { max_steps?: number } = {}) {
  const server = await startOpenAiServer(answers);
  servers.push(server);
  const agent = await makeAgent(database.pool, {
    models: [{ provider: 'openai', base_url: server.url }],
    tools: ['calculator', 'ask_user'],
    ...more,
  });
  const { id: session_id } = await one(
    database.pool,
    'insert into howdah.sessions (agent_id) values ($1) returning id',
    [agent],
  );
  /** Returns the messages of the last request as `role: content or calls`. */
  const lastRequest = () =>
    ((server.requests.at(-1)?.body.messages ?? []) as unknown as Message[]).map(
      ({ role, content, tool_calls }) =>
        `${role}: ${tool_calls ? JSON.stringify(tool_calls.map(({ id }) => id)) : content}`,
    );
  return { agent, session_id, lastRequest };
}

describe('the next turn receives a turn that', () => {
  test('failed, with the calls that were made and how it ended', async () => {
    const bad = refusal(400, 'no such parameter');
    const { agent, session_id, lastRequest } = await openSession([ADD, bad, { content: 'Done.' }]);
    const first = await runToEnd(database.pool, agent, 'first', { session_id });
    expect(first).toMatchObject({ status: 'failed', error: { code: 'invalid_request' } });
    const second = await runToEnd(database.pool, agent, 'second', { session_id });
    expect(second).toMatchObject({ status: 'completed', output: 'Done.' });
    expect(lastRequest()).toEqual([
      'user: first',
      'assistant: ["c1"]',
      'tool: 42',
      'user: (This turn failed before its answer: invalid_request. What was done before stays done.)',
      'user: second',
    ]);
  });

  test('was stopped by a limit', async () => {
    const { agent, session_id, lastRequest } = await openSession([ADD, { content: 'Done.' }], {
      max_steps: 1,
    });
    const first = await runToEnd(database.pool, agent, 'first', { session_id });
    expect(first).toMatchObject({ status: 'failed', stop_reason: 'max_steps' });
    await runToEnd(database.pool, agent, 'second', { session_id });
    expect(lastRequest()).toContain('tool: 42');
    expect(lastRequest().at(-2)).toContain('stopped before its answer: max_steps');
  });

  test('was cancelled while a person was asked', async () => {
    const ask = {
      tool_calls: [
        ...ADD.tool_calls,
        { id: 'c2', name: 'ask_user', arguments: '{"question":"Which?"}' },
      ],
    };
    const { agent, session_id, lastRequest } = await openSession([ask, { content: 'Done.' }]);
    await database.pool.query('update howdah.agents set human_input = true where id = $1', [agent]);
    const first = await insertRun(database.pool, agent, 'first', { session_id });
    await waitForStatus(database.pool, first, 'waiting');
    await database.pool.query('select howdah.cancel_execution($1)', [first]);
    const second = await runToEnd(database.pool, agent, 'second', { session_id });
    expect(second.status).toBe('completed');
    expect(lastRequest().slice(0, 3)).toEqual([
      'user: first',
      'assistant: ["c1","c2"]',
      'tool: 42',
    ]);
    expect(lastRequest()[3]).toContain('There is no result of this call');
    expect(lastRequest()[4]).toContain('cancelled before its answer');
  });

  test('was cancelled while a call waited for its approval, which was not made', async () => {
    const { agent, session_id, lastRequest } = await openSession([ADD, { content: 'Done.' }]);
    await database.pool.query(
      'update howdah.agent_tools set requires_approval = true where agent_id = $1',
      [agent],
    );
    const first = await insertRun(database.pool, agent, 'first', { session_id });
    await waitForStatus(database.pool, first, 'waiting');
    await database.pool.query('select howdah.cancel_execution($1)', [first]);
    await runToEnd(database.pool, agent, 'second', { session_id });
    expect(lastRequest().slice(0, 4)).toEqual([
      'user: first',
      'assistant: ["c1"]',
      'tool: This call was not made: the turn ended before. It had no effect.',
      'user: (This turn was cancelled before its answer. What was done before stays done.)',
    ]);
  });

  test('was cancelled before a call that may be made only once', async () => {
    const { agent, session_id, lastRequest } = await openSession(async ({ index }) => {
      if (index > 0) return { content: 'Done.' };
      await database.pool.query(
        `select howdah.pause_execution(id) from howdah.executions where status = 'running'`,
      );
      return { tool_calls: [{ id: 'c1', name: 'send', arguments: '{}' }] };
    });
    await database.pool.query(
      `with tool as (
         insert into howdah.tools (name, kind, effect, configuration)
         values ('send', 'http', 'once', '{"url": "http://127.0.0.1:9/"}') returning id
       )
       insert into howdah.agent_tools (agent_id, tool_id) select $1, t.id from tool as t`,
      [agent],
    );
    const first = await insertRun(database.pool, agent, 'first', { session_id });
    await waitForStatus(database.pool, first, 'paused');
    await database.pool.query('select howdah.cancel_execution($1)', [first]);
    await runToEnd(database.pool, agent, 'second', { session_id });
    expect(lastRequest().slice(1, 3)).toEqual([
      'assistant: ["c1"]',
      'tool: This call was not made: the turn ended before. It had no effect.',
    ]);
  });

  test('a filter of the vendor stopped, without the words that it stopped', async () => {
    const filtered = { content: 'Ha', finish_reason: 'content_filter' };
    const { agent, session_id, lastRequest } = await openSession([filtered, { content: 'Done.' }]);
    await runToEnd(database.pool, agent, 'bad words', { session_id });
    await runToEnd(database.pool, agent, 'second', { session_id });
    expect(lastRequest()).toEqual([
      'user: [withheld by a filter]',
      'user: (This turn failed before its answer: content_filtered. What was done before stays done.)',
      'user: second',
    ]);
  });

  test('was too long, with short texts', async () => {
    const long = 'word '.repeat(2_000);
    const tooLong: FakeAnswer = {
      status: 400,
      error: { code: 'context_length_exceeded', message: 'maximum context length' },
    };
    const { agent, session_id, lastRequest } = await openSession(({ body }) =>
      JSON.stringify(body.messages).length > 5_000 ? tooLong : { content: 'Done.' },
    );
    const first = await runToEnd(database.pool, agent, long, { session_id });
    expect(first).toMatchObject({ status: 'failed', error: { code: 'context_too_long' } });
    const second = await runToEnd(database.pool, agent, 'second', { session_id });
    expect(second.status).toBe('completed');
    expect(Math.max(...lastRequest().map(({ length }) => length))).toBeLessThan(2_100);
  });
});

test('a fork has the turn that failed', async () => {
  const bad = refusal(400, 'no such parameter');
  const { agent, session_id, lastRequest } = await openSession([ADD, bad, { content: 'Done.' }]);
  await runToEnd(database.pool, agent, 'first', { session_id });
  const { id } = await one(database.pool, 'select id from howdah.fork_session($1, $2)', [
    session_id,
    'second',
  ]);
  const run = await one(database.pool, 'select id from howdah.executions where session_id = $1', [
    id,
  ]);
  await waitForEnd(database.pool, run.id);
  expect(lastRequest()).toContainEqual(expect.stringMatching(/^tool: .*42/s));
  expect(lastRequest().at(-2)).toContain('failed before its answer');
});
