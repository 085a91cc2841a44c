import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import type { JsonObject } from '../../src/json/json.ts';
import type { Worker } from '../../workers/start-worker.ts';
import {
  addTool,
  type Execution,
  insertRun,
  makeAgent,
  makeAgentTool,
  runToEnd,
  waitForEnd,
  waitForStatus,
} from '../runtime/arrange.ts';
import { makeTeam, startTeam, type TeamSpec } from '../runtime/teams.ts';
import { one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { startTestApi } from './harness.ts';

// The finish reason of a run: where it comes from, and how each interface shows an answer that the
// token limit cut off.

const db = testDatabase();
let api: ApiServer;
let worker: Worker;
/** The name of an agent whose answer is cut off, and a run of it. */
let cutAgent: string;
let cutRun: Execution;

const CUT = { content: 'Step 1: open the', finish_reason: 'length' };
const nameOf = async (id: string): Promise<string> =>
  (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;

beforeAll(async () => {
  api = await startTestApi(db.url);
  worker = await startTestWorker(db.url);
  const id = await makeAgent(db.pool, { script: [CUT] });
  cutAgent = await nameOf(id);
  cutRun = await runToEnd(db.pool, id);
});
afterAll(async () => {
  await worker?.stop(0);
  await api?.close();
});

async function post(path: string, body: JsonObject, headers: Record<string, string> = {}) {
  const response = await fetch(`${api.url}${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  });
  return response.text();
}
const get = async (path: string) => JSON.parse(await (await fetch(`${api.url}${path}`)).text());

describe('the finish reason of a run', () => {
  test.each([
    ['stop', [{ content: 'Done.' }], {}],
    ['length', [CUT], {}],
    ['tool_calls', [{ tool_calls: [{ name: 'calculator', arguments: {} }] }], { max_steps: 1 }],
    ['content_filter', [{ content: 'Ha', finish_reason: 'content_filter' }], {}],
    ['stop', [{ content: 'no JSON' }, { content: 'no' }], { output_schema: { type: 'object' } }],
  ])('is that of its last model answer: %s', async (reason, script, columns) => {
    const id = await makeAgent(db.pool, { script, tools: ['calculator'], ...columns });
    expect(await runToEnd(db.pool, id)).toMatchObject({ finish_reason: reason });
  });

  test('is null before the end, and if no model answered', async () => {
    const error = { code: 'unauthorized', message: 'no', retryable: false };
    const id = await makeAgent(db.pool, { script: [{ error }] });
    const run = await runToEnd(db.pool, id);
    expect(run).toMatchObject({ status: 'failed', finish_reason: null });
    const later = new Date(Date.now() + 3_600_000);
    const queued = await insertRun(db.pool, id, 'x', { run_at: later });
    expect(
      await one(db.pool, 'select finish_reason from howdah.executions where id = $1', [queued]),
    ).toEqual({ finish_reason: null });
  });

  test('is in the log of a run that is cancelled while a person is asked', async () => {
    const call = { name: 'ask_user', arguments: { question: 'Which?' } };
    const id = await makeAgent(db.pool, { script: [{ tool_calls: [call] }] });
    await db.pool.query('update howdah.agents set human_input = true where id = $1', [id]);
    const run = await insertRun(db.pool, id);
    await waitForStatus(db.pool, run, 'waiting');
    await db.pool.query('select howdah.cancel_execution($1)', [run]);
    expect(
      await one(db.pool, 'select status, finish_reason from howdah.executions where id = $1', [
        run,
      ]),
    ).toEqual({ status: 'cancelled', finish_reason: 'tool_calls' });
  });

  test('is length for a workflow that answers with an answer that was cut off', async () => {
    const whole = await makeAgent(db.pool, { script: [{ content: 'whole' }] });
    const cut = await makeAgent(db.pool, { script: [CUT] });
    const reasonOf = async (spec: TeamSpec) => {
      const team = await startTeam(db.pool, await makeTeam(db.pool, spec));
      return (await waitForEnd(db.pool, team)).finish_reason;
    };
    const [a, b] = [
      { agent: cut, role: 'a' },
      { agent: whole, role: 'b' },
    ];
    expect(await reasonOf({ type: 'chain', members: [a, b] })).toBe('stop');
    expect(await reasonOf({ type: 'chain', members: [b, a] })).toBe('length');
    expect(await reasonOf({ type: 'parallel', members: [a, b] })).toBe('length');
  });

  test('of a run that an agent called is told to the agent', async () => {
    const tool = await makeAgentTool(db.pool, await makeAgent(db.pool, { script: [CUT] }));
    const call = { name: tool, arguments: { message: 'go' } };
    const id = await makeAgent(db.pool, { script: [{ tool_calls: [call] }, { content: 'Hm.' }] });
    await addTool(db.pool, id, tool);
    const run = await runToEnd(db.pool, id);
    const { content } = await one(
      db.pool,
      `select content from howdah.messages where execution_id = $1 and role = 'tool'`,
      [run.id],
    );
    expect(content).toContain('Step 1: open the\n\n(The token limit cut this answer off.)');
    expect(run.finish_reason).toBe('stop');
  });
});

describe('an answer that was cut off is shown by', () => {
  test('REST', async () => {
    const shown = { finish_reason: 'length' };
    expect(await get(`/api/executions/${cutRun.id}`)).toMatchObject(shown);
    expect(await get(`/api/executions/${cutRun.id}/row`)).toMatchObject(shown);
    const executed = await post('/api/execute', { agent: cutAgent, message: 'x', wait: 30 });
    expect(JSON.parse(executed)).toMatchObject({ status: 'completed', ...shown });
    const stream = await post('/api/execute', { agent: cutAgent, message: 'x', stream: true });
    expect(stream).toContain('"finish_reason":"length"');
  });

  test('GraphQL', async () => {
    const query = `{ execution(id: "${cutRun.id}") { finishReason } }`;
    expect(JSON.parse(await post('/graphql', { query }))).toEqual({
      data: { execution: { finishReason: 'length' } },
    });
  });

  test('chat completions', async () => {
    const request = { model: cutAgent, messages: [{ role: 'user', content: 'x' }] };
    expect(JSON.parse(await post('/v1/chat/completions', request))).toMatchObject({
      choices: [{ message: { content: CUT.content }, finish_reason: 'length' }],
    });
    const stream = await post('/v1/chat/completions', { ...request, stream: true });
    expect(stream).toContain('"finish_reason":"length"');
  });

  test('responses', async () => {
    const request = { model: cutAgent, input: 'x' };
    const incomplete = {
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
      output: [{ status: 'incomplete', content: [{ text: CUT.content }] }],
    };
    expect(JSON.parse(await post('/v1/responses', request))).toMatchObject(incomplete);
    const stream = await post('/v1/responses', { ...request, stream: true });
    expect(stream).toContain('event: response.incomplete');
  });

  test('AG-UI', async () => {
    const run = {
      ...{ threadId: 't1', runId: 'r1', state: {}, tools: [], context: [], forwardedProps: {} },
      messages: [{ id: 'm1', role: 'user', content: 'x' }],
    };
    const stream = await post(`/ag-ui/agents/${cutAgent}`, run, { accept: 'text/event-stream' });
    expect(stream).toMatch(/"type":"RUN_FINISHED".*"finishReason":"length"/);
  });

  test('A2A', async () => {
    const message = { messageId: 'm1', role: 'ROLE_USER', parts: [{ text: 'x' }] };
    const text = await post(
      `/a2a/${cutAgent}`,
      { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: { message } },
      { 'a2a-version': '1.0' },
    );
    expect(JSON.parse(text)).toMatchObject({
      result: { task: { metadata: { finish_reason: 'length' } } },
    });
  });

  test('the chat of the AI SDK', async () => {
    const messages = [{ id: 'm1', role: 'user', parts: [{ type: 'text', text: 'x' }] }];
    const stream = await post(`/api/chat`, { id: 'c1', agent: cutAgent, messages });
    expect(stream).toContain('"finishReason":"length"');
  });

  test('MCP', async () => {
    const text = await post(
      '/mcp',
      {
        ...{ jsonrpc: '2.0', id: 1, method: 'tools/call' },
        params: { name: cutAgent, arguments: { message: 'x' } },
      },
      { accept: 'application/json, text/event-stream', 'mcp-protocol-version': '2025-11-25' },
    );
    expect(text).toContain('"howdah/finish_reason":"length"');
  });

  test('explain_execution', async () => {
    const { why } = await one(db.pool, 'select howdah.explain_execution($1)::text as why', [
      cutRun.id,
    ]);
    expect(why).toContain('the token limit cut its last answer off');
  });
});

describe('a run that failed for its answer is shown by', () => {
  const FILTERED = { content: 'Ha', finish_reason: 'content_filter' };
  const REFUSED = { content: 'I cannot help with that.', finish_reason: 'refusal' };
  const CUT_JSON = { content: '{"a": "b', finish_reason: 'length' };
  const refusal = 'the model refused to answer: I cannot help with that.';

  test.each([
    [
      'withheld',
      [FILTERED],
      { message: { content: '', refusal: null }, finish_reason: 'content_filter' },
    ],
    ['refused', [REFUSED], { message: { content: null, refusal }, finish_reason: 'stop' }],
    ['cut off', [CUT_JSON], { message: { content: CUT_JSON.content }, finish_reason: 'length' }],
  ])('chat completions: %s', async (_, script, choice) => {
    const output_schema = script[0] === CUT_JSON ? { output_schema: { type: 'object' } } : {};
    const model = await nameOf(await makeAgent(db.pool, { script, ...output_schema }));
    const request = { model, messages: [{ role: 'user', content: 'x' }] };
    expect(JSON.parse(await post('/v1/chat/completions', request))).toMatchObject({
      choices: [choice],
    });
    const stream = await post('/v1/chat/completions', { ...request, stream: true });
    expect(stream).toContain(`"finish_reason":"${choice.finish_reason}"`);
    expect(stream).toContain('[DONE]');
    if (script[0] === REFUSED) expect(stream).toContain(JSON.stringify({ refusal }));
  });

  test('responses: withheld', async () => {
    const model = await nameOf(await makeAgent(db.pool, { script: [FILTERED] }));
    expect(JSON.parse(await post('/v1/responses', { model, input: 'x' }))).toMatchObject({
      status: 'incomplete',
      error: null,
      incomplete_details: { reason: 'content_filter' },
    });
  });
});
