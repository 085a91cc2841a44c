import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { HttpAgent, type HttpAgentConfig } from '@ag-ui/client';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { makeAgent, makeApiKey, makeTenant, one } from '../sql/support.ts';
import { eventually } from '../support/database.ts';
import type { Answer } from './harness.ts';
import {
  locked,
  type OpenAiFixture,
  openOpenAiFixture,
  startTestApi,
  WEATHER,
  withoutFeeds,
} from './openai/support.ts';

// Drives the API with the official client, which rejects an invalid sequence of events.

let fixture: OpenAiFixture;
/** An API that requires a login. */
let api: ApiServer;
let tenant: string;
let other: string;
beforeAll(async () => {
  fixture = await openOpenAiFixture();
  api = await startTestApi(fixture.db.url, locked);
  tenant = (await one(fixture.db.pool, 'select howdah.current_tenant() as id')).id;
  other = await makeTenant(fixture.db.pool);
});
afterAll(async () => {
  await api?.close();
  await fixture?.close();
});

const urlOf = (agent: string, of = fixture.api) =>
  `${of.url}/ag-ui/agents/${encodeURIComponent(agent)}`;
const clientOf = (agent: string, more: Partial<HttpAgentConfig> = {}) =>
  new HttpAgent({ url: urlOf(agent), ...more });
type Input = Parameters<HttpAgent['runAgent']>[0];
/** Sends a message, if there is one, and returns the events received. */
async function run(client: HttpAgent, content?: string, input: Input = {}) {
  if (content !== undefined) client.addMessage({ id: crypto.randomUUID(), role: 'user', content });
  const events: Answer[] = [];
  await client.runAgent(input, {
    onEvent: ({ event }) => {
      events.push(event);
    },
  });
  return events;
}
const typesOf = (events: Answer[]) => events.map(({ type }) => type);
const answersOf = (client: HttpAgent) =>
  client.messages.filter(({ role }) => role === 'assistant').map(({ content }) => content);
const runInput = (messages: unknown[], more: object = {}) => ({
  threadId: 'thread',
  runId: 'run',
  state: {},
  messages,
  tools: [],
  context: [],
  forwardedProps: {},
  ...more,
});
async function post(
  agent: string,
  body: unknown,
  headers: Record<string, string> = {},
  of = fixture.api,
) {
  const response = await fetch(urlOf(agent, of), {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as Answer };
}

test('streams a run from its first token to its end', async () => {
  const agent = await fixture.agent(() => ({ content: 'Good day.' }));
  const client = clientOf(agent, { threadId: 'counter 4' });
  const events = await run(client, 'Hello.', { runId: 'run 1' });
  const types = typesOf(events);
  expect(types.filter((type) => type !== 'TEXT_MESSAGE_CONTENT')).toEqual([
    'RUN_STARTED',
    'STEP_STARTED',
    'TEXT_MESSAGE_START',
    'TEXT_MESSAGE_END',
    'STEP_FINISHED',
    'RUN_FINISHED',
  ]);
  expect(answersOf(client)).toEqual(['Good day.']);
  expect(events[0]).toMatchObject({
    threadId: 'counter 4',
    runId: 'run 1',
    protocolVersion: '1.0',
  });
  expect(events.at(-1)).toMatchObject({
    result: 'Good day.',
    outcome: { type: 'success' },
    usage: [{ totalTokens: expect.any(Number) }],
  });
  const { execution_id } = events[0].metadata;
  expect(
    await one(fixture.db.pool, 'select status, metadata from howdah.executions where id = $1', [
      execution_id,
    ]),
  ).toEqual({
    status: 'completed',
    metadata: { ag_ui_thread_id: 'counter 4', ag_ui_run_id: 'run 1' },
  });
});

test('streams agent tool calls with their results, and remembers earlier messages', async () => {
  const agent = await fixture.agent(
    (_request, messages) =>
      messages.at(-1)?.role === 'tool'
        ? {
            content: `It is ${JSON.stringify(messages.at(-1)?.content).includes('42') ? '42' : 'unknown'}.`,
          }
        : {
            content: 'Let me see.',
            tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }],
          },
    {},
    ['calculator'],
  );
  const client = clientOf(agent);
  const events = await run(client, 'What is 6 * 7?');
  expect(typesOf(events).filter((type) => type !== 'TEXT_MESSAGE_CONTENT')).toEqual([
    'RUN_STARTED',
    ...['STEP_STARTED', 'TEXT_MESSAGE_START', 'TEXT_MESSAGE_END'],
    ...['TOOL_CALL_START', 'TOOL_CALL_ARGS', 'TOOL_CALL_END', 'STEP_FINISHED'],
    ...['STEP_STARTED', 'TOOL_CALL_RESULT', 'STEP_FINISHED'],
    ...['STEP_STARTED', 'TEXT_MESSAGE_START', 'TEXT_MESSAGE_END', 'STEP_FINISHED'],
    'RUN_FINISHED',
  ]);
  expect(client.messages.map(({ role }) => role)).toEqual([
    'user',
    'assistant',
    'tool',
    'assistant',
  ]);
  expect(client.messages[1]).toMatchObject({
    content: 'Let me see.',
    toolCalls: [{ function: { name: 'calculator', arguments: expect.stringContaining('6 * 7') } }],
  });
  expect(answersOf(client).at(-1)).toBe('It is 42.');
  await run(client, 'And again?');
  const last = fixture.messagesOf(agent).at(-2) ?? [];
  expect(last.filter(({ role }) => role !== 'system').map(({ role }) => role)).toEqual([
    ...['user', 'assistant', 'tool', 'assistant', 'user'],
  ]);
});

test('the client runs a frontend tool, and the run continues with the result', async () => {
  const agent = await fixture.agent((_request, messages) =>
    messages.at(-1)?.role === 'tool'
      ? { content: `It is ${messages.at(-1)?.content}.` }
      : { tool_calls: [{ name: 'get_weather', arguments: { city: 'Graz' } }] },
  );
  const client = clientOf(agent);
  const events = await run(client, 'How is the weather?', { tools: [WEATHER] });
  const start = events.find(({ type }) => type === 'TOOL_CALL_START');
  expect(start).toMatchObject({ toolCallName: 'get_weather' });
  expect(events.at(-1)).toMatchObject({
    type: 'RUN_FINISHED',
    outcome: { type: 'success', pendingToolCallIds: [start.toolCallId] },
  });
  client.addMessage({ id: 'r', role: 'tool', toolCallId: start.toolCallId, content: 'sunny' });
  const rest = await run(client, undefined, { tools: [WEATHER] });
  expect(answersOf(client).at(-1)).toBe('It is sunny.');
  expect(rest[0].metadata).toEqual(events[0].metadata);
  expect(typesOf(rest)).not.toContain('TOOL_CALL_RESULT');
});

test('a question to a person ends the run in an interrupt, and the answer resumes it', async () => {
  const agent = await fixture.agent(
    (_request, messages) =>
      messages.at(-1)?.role === 'tool'
        ? {
            content: `Painted ${JSON.stringify(messages.at(-1)?.content).includes('blue') ? 'blue' : 'somehow'}.`,
          }
        : { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' } }] },
    { human_input: true },
  );
  const client = clientOf(agent);
  const events = await run(client, 'Paint it.');
  const { outcome } = events.at(-1);
  expect(outcome).toMatchObject({
    type: 'interrupt',
    interrupts: [{ reason: 'input_required', message: 'Which colour?' }],
  });
  const [{ id: interruptId }] = outcome.interrupts;
  const rest = await run(client, undefined, {
    resume: [{ interruptId, status: 'resolved', payload: 'blue' }],
  });
  expect(answersOf(client).at(-1)).toBe('Painted blue.');
  expect(rest[0].metadata).toEqual(events[0].metadata);
  const again = await post(
    agent,
    runInput([], { resume: [{ interruptId, status: 'resolved', payload: 'red' }] }),
  );
  expect([again.status, again.body.code]).toEqual([409, 'HWCNF']);

  const second = clientOf(agent);
  const [other] = (await run(second, 'Paint it.')).at(-1).outcome.interrupts;
  const cancelledEvents = await run(second, undefined, {
    resume: [{ interruptId: other.id, status: 'cancelled' }],
  });
  expect(cancelledEvents.at(-1)).toMatchObject({
    type: 'RUN_FINISHED',
    outcome: { type: 'cancelled' },
  });
});

test('a pending approval is an interrupt: approved with other arguments, or rejected with a reason', async () => {
  const agent = await fixture.agent((_request, messages) =>
    messages.at(-1)?.role === 'tool'
      ? { content: `Heard: ${JSON.stringify(messages.at(-1)?.content)}` }
      : { tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }] },
  );
  await fixture.db.pool.query(
    `insert into howdah.agent_tools (agent_id, tool_id, requires_approval)
     select howdah.agent($1), t.id, true from howdah.tools as t where t.name = 'calculator' and t.tenant_id = howdah.current_tenant()`,
    [agent],
  );
  const approve = async (payload: unknown) => {
    const client = clientOf(agent);
    const events = await run(client, 'What is 6 * 7?');
    const [interrupt] = events.at(-1).outcome.interrupts;
    expect(interrupt).toMatchObject({ reason: 'tool_call', metadata: { kind: 'approval' } });
    const call = events.find(({ type }) => type === 'TOOL_CALL_START');
    expect(interrupt.toolCallId).toBe(call.toolCallId);
    const resume = [{ interruptId: interrupt.id, status: 'resolved' as const, payload }];
    await run(client, undefined, { resume });
    return answersOf(client).at(-1);
  };
  expect(await approve(true)).toContain('42');
  expect(await approve({ approved: true, arguments: { expression: '6 * 8' } })).toContain('48');
  expect(await approve({ approved: false, reason: 'Not today.' })).toContain('Not today.');
});

test('the state contains the todo list of the run and keeps values of the frontend', async () => {
  const agent = await fixture.agent(
    (_request, messages) =>
      messages.at(-1)?.role === 'tool'
        ? { content: 'Planned.' }
        : { tool_calls: [{ name: 'todo', arguments: { action: 'add', title: 'Ring back' } }] },
    {},
    ['todo'],
  );
  const client = clientOf(agent, { initialState: { page: 3 } });
  const events = await run(client, 'Plan it.', {
    context: [{ description: 'The page that is open', value: 'orders' }],
  });
  expect(answersOf(client).at(-1)).toBe('Planned.');
  expect(typesOf(events)).toContain('STATE_SNAPSHOT');
  expect(client.state).toMatchObject({ page: 3, tasks: [{ title: 'Ring back' }] });
  const system = JSON.stringify(fixture.messagesOf(agent)[0]);
  expect(system).toContain('The page that is open: orders');
  expect(system).toContain('page');
});

test('a failed run ends in an error, and a structured output is one message', async () => {
  const failing = await fixture.agent(() => ({ status: 400, error: { message: 'no such model' } }));
  const events: Answer[] = [];
  const client = clientOf(failing);
  client.addMessage({ id: 'm', role: 'user', content: 'Hello.' });
  // some versions also throw
  await client.runAgent({}, { onEvent: ({ event }) => void events.push(event) }).catch(() => {});
  expect(events.at(-1)).toMatchObject({
    type: 'RUN_ERROR',
    message: expect.stringContaining('no such model'),
  });
  const structured = await fixture.agent(() => ({ content: '{"total": 7}' }), {
    output_schema: {
      type: 'object',
      properties: { total: { type: 'number' } },
      required: ['total'],
    },
  });
  const whole = clientOf(structured);
  const wholeEvents = await run(whole, 'Add 3 and 4.');
  expect(JSON.parse(answersOf(whole)[0] as string)).toEqual({ total: 7 });
  expect(wholeEvents.at(-1).result).toEqual({ total: 7 });
});

describe('refusals', () => {
  const hello = runInput([{ id: 'm', role: 'user', content: 'Hello.' }]);

  test('are problems that name the field', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const faultOf = async (body: unknown, headers = {}) => {
      const { status, body: problem } = await post(agent, body, headers);
      return [status, problem.code, problem.field];
    };
    expect(await faultOf([])).toEqual([400, 'HWINV', 'body']);
    expect(await faultOf({ ...hello, threadId: undefined })).toEqual([400, 'HWINV', 'threadId']);
    expect(await faultOf(runInput([]))).toEqual([400, 'HWINV', 'messages']);
    const video = { type: 'video', source: { type: 'url', value: 'https://x.test/v.mp4' } };
    expect(await faultOf(runInput([{ id: 'm', role: 'user', content: [video] }]))).toEqual([
      ...[400, 'HWINV', 'messages[0].content[0]'],
    ]);
    const tool = { name: 'pick', description: 'x', parameters: {} };
    const twice = await post(agent, { ...hello, tools: [tool, tool] });
    expect(twice).toMatchObject({
      status: 400,
      body: { field: 'tools[1]', detail: expect.stringMatching(/^tools\[1\]\.name: two tools/) },
    });
    expect(await faultOf(hello, { 'x-howdah-on-disconnect': 'wait' })).toEqual([
      ...[400, 'HWINV', 'x-howdah-on-disconnect'],
    ]);
    expect(fixture.messagesOf(agent)).toEqual([]);
  });

  test('an agent or an interrupt of another tenant looks like an unknown one', async () => {
    await makeAgent(fixture.db.pool, { name: 'only-theirs', tenant_id: other });
    const agent = await fixture.agent(
      () => ({ tool_calls: [{ name: 'ask_user', arguments: { question: 'Sure?' } }] }),
      { human_input: true },
    );
    const events = await run(clientOf(agent), 'Do it.');
    const [{ id }] = events.at(-1).outcome.interrupts;
    await makeAgent(fixture.db.pool, { name: agent, tenant_id: other });
    const { key } = await makeApiKey(fixture.db.pool, other, { role: 'owner' });
    const mine = (await makeApiKey(fixture.db.pool, tenant)).key;
    const tell = async (of: string, body: unknown, as: string, hidden: string) => {
      const reply = await post(of, body, { authorization: `Bearer ${as}` }, api);
      return JSON.parse(JSON.stringify(reply).replaceAll(hidden, 'IT'));
    };
    const missing = await tell('nobody-here', hello, mine, 'nobody-here');
    expect([missing.status, missing.body.code]).toEqual([404, 'HWNTF']);
    expect(await tell('only-theirs', hello, mine, 'only-theirs')).toEqual(missing);
    const resume = (interruptId: string) =>
      runInput([], { resume: [{ interruptId, status: 'resolved', payload: 'yes' }] });
    const nobody = '01890000-0000-7000-8000-000000000000';
    const none = await tell(agent, resume(nobody), key, nobody);
    expect([none.status, none.body.code]).toEqual([404, 'HWNTF']);
    expect(await tell(agent, resume(id), key, id)).toEqual(none);
    const another = await fixture.agent(() => ({ content: 'Hi.' }));
    expect((await post(another, resume(id))).status).toBe(404);
  });

  test('a caller without permission, or beyond a request quota, is rejected', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    expect((await post(agent, hello, {}, api)).status).toBe(401);
    const viewer = await makeApiKey(fixture.db.pool, tenant, { role: 'viewer' });
    const as = (key: string) => ({ authorization: `Bearer ${key}` });
    expect((await post(agent, hello, as(viewer.key), api)).status).toBe(403);
    const poor = await makeTenant(fixture.db.pool);
    await fixture.db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value) values ($1, 'tenant', 'requests', 'month', 1)`,
      [poor],
    );
    const { key } = await makeApiKey(fixture.db.pool, poor);
    const statuses = [];
    for (let nth = 0; nth < 2; nth += 1)
      statuses.push((await post('nobody', hello, as(key), api)).status);
    expect(statuses).toEqual([404, 429]);
  });

  test('a revoked key ends the stream with an error; a disconnect cancels the run on request', async () => {
    const begin = async () => {
      const modelCalled = Promise.withResolvers<void>();
      const agent = await fixture.agent(async () => {
        modelCalled.resolve();
        await new Promise(() => {});
        return { content: '' };
      });
      return { agent, modelCalled: modelCalled.promise };
    };
    const first = await begin();
    const { key, id } = await makeApiKey(fixture.db.pool, tenant);
    const headers = { authorization: `Bearer ${key}` };
    const events: Answer[] = [];
    const client = new HttpAgent({ url: urlOf(first.agent, api), headers });
    client.addMessage({ id: 'm', role: 'user', content: 'Think.' });
    const ended = client
      .runAgent({}, { onEvent: ({ event }) => void events.push(event) })
      .catch(() => {});
    await first.modelCalled;
    await fixture.db.pool.query('update howdah.api_keys set revoked_at = now() where id = $1', [
      id,
    ]);
    await ended;
    expect(events.at(-1)).toMatchObject({
      type: 'RUN_ERROR',
      message: expect.stringContaining('revoked'),
    });

    const second = await begin();
    const leaving = new AbortController();
    const request = fetch(urlOf(second.agent), {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-howdah-on-disconnect': 'cancel' },
      body: JSON.stringify(hello),
      signal: leaving.signal,
    });
    await second.modelCalled;
    await request;
    leaving.abort();
    await eventually(
      fixture.db.pool,
      'it is cancelled',
      `select 1 from howdah.executions as e where e.agent_id = howdah.agent($1) and e.status = 'cancelled'`,
      [second.agent],
    );
  });
});

test('the example of docs/ag-ui.md prints the answer of the agent', async () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/ag-ui.md', import.meta.url)), 'utf8');
  const example = /^```ts\nimport .*\n([\s\S]*?)^```/m.exec(page)?.[1] ?? '';
  const helper = await fixture.agent(() => ({ content: 'I can count.' }));
  await fixture.db.pool.query(
    `update howdah.agents set instruction = $1 where name = 'development'`,
    [`I am ${helper}.`],
  );
  const printed: string[] = [];
  const process = { stdout: { write: (text: string) => printed.push(text) } };
  const code = example.replace('http://127.0.0.1:8000', fixture.api.url);
  const AsyncFunction = (async () => {}).constructor as new (
    ...parts: string[]
  ) => (...values: unknown[]) => Promise<void>;
  await new AsyncFunction('HttpAgent', 'process', code)(HttpAgent, process);
  expect(printed.join('')).toBe('I can count.');
});

test('a stream whose feed ends before the run says that the run continues', async () => {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const agent = await fixture.agent(async () => {
    await opened;
    return { content: 'Hi.' };
  });
  const answer = await withoutFeeds(async () => {
    const response = await fetch(urlOf(agent), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(runInput([{ id: 'm1', role: 'user', content: 'Hello.' }])),
    });
    return response.text();
  });
  open();
  expect(answer).toContain('RUN_ERROR');
  expect(answer).toContain('continues');
});
