import { readFileSync } from 'node:fs';
import { get } from 'node:http';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { type Message, Role, type StreamResponse, type Task, TaskState } from '@a2a-js/sdk';
import {
  ClientFactory,
  ClientFactoryOptions,
  DefaultAgentCardResolver,
  JsonRpcTransportFactory,
} from '@a2a-js/sdk/client';
import { LegacyJsonRpcTransport } from '@a2a-js/sdk/compat/v0_3/client';
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
  withoutFeeds,
} from './openai/support.ts';

// Drives the API with the official client, in both supported versions of the protocol.

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

const clientOf = (agent: string, of = fixture.api, key?: string) => {
  const fetchImpl: typeof fetch = (input, init) =>
    fetch(input, {
      ...init,
      headers: { ...(init?.headers as object), ...(key && { authorization: `Bearer ${key}` }) },
    });
  const factory = new ClientFactory(
    ClientFactoryOptions.createFrom(ClientFactoryOptions.default, {
      transports: [new JsonRpcTransportFactory({ fetchImpl })],
      cardResolver: new DefaultAgentCardResolver({ fetchImpl }),
    }),
  );
  return factory.createFromUrl(`${of.url}/a2a/${encodeURIComponent(agent)}/`);
};
const textMessage = (text: string, more: Partial<Message> = {}) => ({
  tenant: '',
  configuration: undefined,
  metadata: undefined,
  message: {
    messageId: crypto.randomUUID(),
    contextId: '',
    taskId: '',
    role: Role.ROLE_USER,
    parts: [
      {
        content: { $case: 'text' as const, value: text },
        metadata: undefined,
        filename: '',
        mediaType: '',
      },
    ],
    metadata: undefined,
    extensions: [],
    referenceTaskIds: [],
    ...more,
  },
});
const textOf = (parts: { content?: { $case: string; value?: unknown } | undefined }[] = []) =>
  parts.map(({ content }) => (content?.$case === 'text' ? content.value : '')).join('');
const answerOf = (task: Task) =>
  textOf(task.artifacts.find(({ artifactId }) => artifactId === 'answer')?.parts);
async function collectPayloads(events: AsyncIterable<StreamResponse>) {
  const payloads: NonNullable<StreamResponse['payload']>[] = [];
  for await (const { payload } of events) if (payload) payloads.push(payload);
  return payloads;
}
/** Returns the text of the artifact after all of its updates, as a client assembles it. */
function streamedText(payloads: NonNullable<StreamResponse['payload']>[]) {
  let text = '';
  for (const one of payloads) {
    if (one.$case !== 'artifactUpdate' || one.value.artifact?.artifactId !== 'answer') continue;
    text = (one.value.append ? text : '') + textOf(one.value.artifact.parts);
  }
  return text;
}
async function rpc(
  agent: string,
  body: unknown,
  headers: Record<string, string> = {},
  of = fixture.api,
) {
  const response = await fetch(`${of.url}/a2a/${encodeURIComponent(agent)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Answer,
  };
}

describe('an agent card', () => {
  test('is served under each agent and workflow, and at the root for the current agent', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }), {
      description: 'Answers customers.',
      capabilities: ['orders', 'refunds'],
    });
    const client = await clientOf(agent);
    const card = await client.getAgentCard();
    expect(card).toMatchObject({
      name: agent,
      description: 'Answers customers.',
      capabilities: { streaming: true, pushNotifications: false },
      skills: [{ id: agent, tags: ['orders', 'refunds'] }],
    });
    expect(
      card.supportedInterfaces.map(({ url, protocolVersion }) => [url, protocolVersion]),
    ).toEqual([
      [`${fixture.api.url}/a2a/${agent}`, '1.0'],
      [`${fixture.api.url}/a2a/${agent}`, '0.3'],
    ]);
    const root = await fetch(`${fixture.api.url}/.well-known/agent-card.json`);
    expect(await root.json()).toMatchObject({ name: 'development' });
    await fixture.db.pool.query(
      `insert into howdah.workflows (name, type, description) values ('two of them', 'chain', 'Both.')`,
    );
    expect((await (await clientOf('two of them')).getAgentCard()).description).toBe('Both.');
  });

  describe('the URL in a card', () => {
    let open: ApiServer;
    let key: string;
    beforeAll(async () => {
      ({ key } = await makeApiKey(fixture.db.pool, tenant));
      open = await startTestApi(fixture.db.url, {
        ...locked,
        publicUrl: 'https://agents.example.com/howdah',
      });
    });
    afterAll(() => open?.close());

    /** Requests a card with these headers. `fetch` would overwrite the header `Host`. */
    const cardBy = async (at: ApiServer, headers: Record<string, string>) => {
      const { promise, resolve, reject } = Promise.withResolvers<Answer>();
      const authorization = `Bearer ${key}`;
      get(
        `${at.url}/.well-known/agent-card.json`,
        { agent: false, headers: { authorization, ...headers } },
        (response) => {
          text(response)
            .then((body) => resolve({ status: response.statusCode, ...JSON.parse(body) }))
            .catch(reject);
        },
      ).on('error', reject);
      return promise;
    };

    test('is the configured public URL, whatever the Host header', async () => {
      for (const host of ['evil.example', new URL(open.url).host]) {
        expect(await cardBy(open, { host })).toMatchObject({
          ...{ status: 200, url: 'https://agents.example.com/howdah/a2a/development' },
        });
      }
    });

    test('is otherwise taken from a Host header that names this machine', async () => {
      const { port } = new URL(api.url);
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`]) {
        expect(await cardBy(api, { host })).toMatchObject({
          url: `http://${host}/a2a/development`,
        });
      }
      const tls = await cardBy(api, { host: 'localhost', 'x-forwarded-proto': 'https' });
      expect(tls.url).toBe('https://localhost/a2a/development');
    });

    test.each([
      'evil.example',
      'evil.example:8000',
      'localhost.evil.example',
      '127.0.0.1@evil.example',
      'evil.example/127.0.0.1',
      '10.0.0.1',
      '[::2]:80',
    ])('is not taken from an untrusted Host header: %s', async (host) => {
      const card = await cardBy(api, { host });
      expect(card).toMatchObject({ status: 400, code: 'HWINV', field: 'Host' });
      expect(card.hint).toContain('HOWDAH_PUBLIC_URL');
      expect(JSON.stringify(card)).not.toContain('evil');
    });
  });

  test('requires a login where the server does, and declares the bearer scheme', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const url = `${api.url}/a2a/${agent}/.well-known/agent-card.json`;
    expect((await fetch(url)).status).toBe(401);
    const { key } = await makeApiKey(fixture.db.pool, tenant);
    const card = await (await clientOf(agent, api, key)).getAgentCard();
    expect(card.securitySchemes.bearer?.scheme).toMatchObject({
      $case: 'httpAuthSecurityScheme',
      value: { scheme: 'Bearer' },
    });
    expect(card.securityRequirements).toEqual([{ schemes: { bearer: { list: [] } } }]);
    const older = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    expect(await older.json()).toMatchObject({
      url: `${api.url}/a2a/${agent}`,
      protocolVersion: '0.3.0',
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      security: [{ bearer: [] }],
    });
  });
});

describe('a task', () => {
  test('is a run: a message starts it, an artifact answers it, and GetTask returns it', async () => {
    const agent = await fixture.agent((_request, messages) => ({
      content: `You said: ${messages.at(-1)?.content}`,
    }));
    const client = await clientOf(agent);
    const sent = textMessage('Hello.');
    const task = (await client.sendMessage(sent)) as Task;
    expect(task.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(answerOf(task)).toBe('You said: Hello.');
    expect(
      task.history.map(({ messageId, role, parts }) => [messageId, role, textOf(parts)]),
    ).toEqual([
      [sent.message.messageId, Role.ROLE_USER, 'Hello.'],
      [expect.any(String), Role.ROLE_AGENT, 'You said: Hello.'],
    ]);
    expect(
      await one(fixture.db.pool, 'select status, session_id from howdah.executions where id = $1', [
        task.id,
      ]),
    ).toEqual({ status: 'completed', session_id: task.contextId });
    const again = await client.getTask({ tenant: '', id: task.id, historyLength: 1 });
    expect(again.history.map(({ parts }) => textOf(parts))).toEqual(['You said: Hello.']);
    expect(again.artifacts).toEqual(task.artifacts);
  });

  test('is the next turn of its context and remembers earlier turns', async () => {
    const agent = await fixture.agent((_request, messages) => ({
      content: `${messages.filter(({ role }) => role === 'user').length} so far`,
    }));
    const client = await clientOf(agent);
    const first = (await client.sendMessage(textMessage('One.'))) as Task;
    const second = (await client.sendMessage(
      textMessage('Two.', { contextId: first.contextId }),
    )) as Task;
    expect(second.id).not.toBe(first.id);
    expect(second.contextId).toBe(first.contextId);
    expect(answerOf(second)).toBe('2 so far');
  });

  test('streams its progress, and the collected artifacts contain the whole answer', async () => {
    const agent = await fixture.agent(
      (_request, messages) =>
        messages.some(({ role }) => role === 'tool')
          ? { content: 'It is forty-two.' }
          : {
              content: 'Let me see.',
              tool_calls: [{ name: 'calculator', arguments: { expression: '6 * 7' } }],
            },
      {},
      ['calculator'],
    );
    const events = await collectPayloads(
      (await clientOf(agent)).sendMessageStream(textMessage('What is 6 * 7?')),
    );
    expect(events[0]?.$case).toBe('task');
    const states = events.flatMap((event) =>
      event.$case === 'statusUpdate' ? [event.value.status?.state] : [],
    );
    expect(states).toEqual([TaskState.TASK_STATE_WORKING, TaskState.TASK_STATE_COMPLETED]);
    expect(streamedText(events)).toBe('It is forty-two.');
    const said = events.flatMap((event) =>
      event.$case === 'statusUpdate' ? [textOf(event.value.status?.message?.parts)] : [],
    );
    expect(said[0]).toBe('Let me see.');
  });

  test('requests input, and continues with the reply', async () => {
    const agent = await fixture.agent(
      (_request, messages) => {
        const result = messages.find(({ role }) => role === 'tool');
        return result
          ? {
              content: `Painted ${JSON.stringify(result.content).includes('blue') ? 'blue' : 'somehow'}.`,
            }
          : { tool_calls: [{ name: 'ask_user', arguments: { question: 'Which colour?' } }] };
      },
      { human_input: true },
    );
    const client = await clientOf(agent);
    const task = (await client.sendMessage(textMessage('Paint it.'))) as Task;
    expect(task.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    expect(textOf(task.status?.message?.parts)).toBe('Which colour?');
    const events = await collectPayloads(
      client.sendMessageStream(textMessage('blue', { taskId: task.id })),
    );
    expect(streamedText(events)).toBe('Painted blue.');
    const ended = await client
      .sendMessage(textMessage('red', { taskId: task.id }))
      .catch((error) => error);
    expect(ended).toMatchObject({ name: 'UnsupportedOperationError' });
  });

  test('continues without a client, and can be followed again and cancelled', async () => {
    const modelCalled = Promise.withResolvers<void>();
    const agent = await fixture.agent(async () => {
      modelCalled.resolve();
      await new Promise(() => {});
      return { content: '' };
    });
    const client = await clientOf(agent);
    const sent = textMessage('Think.');
    const configuration = {
      acceptedOutputModes: [],
      taskPushNotificationConfig: undefined,
      returnImmediately: true,
    };
    const task = (await client.sendMessage({ ...sent, configuration })) as Task;
    expect([TaskState.TASK_STATE_SUBMITTED, TaskState.TASK_STATE_WORKING]).toContain(
      task.status?.state,
    );
    await modelCalled.promise;
    const following = client.resubscribeTask({ tenant: '', id: task.id });
    // the subscription is active now
    expect((await following.next()).value).toMatchObject({ payload: { $case: 'task' } });
    const cancelled = await client.cancelTask({ tenant: '', id: task.id, metadata: undefined });
    expect(cancelled.status?.state).toBe(TaskState.TASK_STATE_CANCELED);
    const last = (await collectPayloads(following)).at(-1);
    expect(last?.$case === 'statusUpdate' && last.value.status?.state).toBe(
      TaskState.TASK_STATE_CANCELED,
    );
    const again = await client
      .cancelTask({ tenant: '', id: task.id, metadata: undefined })
      .catch((error) => error);
    expect(again).toMatchObject({ name: 'TaskNotCancelableError' });
    const late = await collectPayloads(client.resubscribeTask({ tenant: '', id: task.id })).catch(
      (error) => error,
    );
    expect(late).toMatchObject({ name: 'UnsupportedOperationError' });
  });

  test('reports the reason when it fails', async () => {
    const agent = await fixture.agent(() => ({ status: 400, error: { message: 'no such model' } }));
    const task = (await (await clientOf(agent)).sendMessage(textMessage('Hello.'))) as Task;
    expect(task.status?.state).toBe(TaskState.TASK_STATE_FAILED);
    expect(textOf(task.status?.message?.parts)).toContain('no such model');
    expect(task.artifacts).toEqual([]);
  });

  test('accepts data and images, and returns data and files', async () => {
    const agent = await fixture.agent(() => ({ content: '{"total": 7}' }), {
      output_schema: {
        type: 'object',
        properties: { total: { type: 'number' } },
        required: ['total'],
      },
    });
    const part = { metadata: undefined, filename: '', mediaType: '' };
    const dot = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
      'base64',
    );
    const client = await clientOf(agent);
    const task = (await client.sendMessage(
      textMessage('', {
        parts: [
          { ...part, content: { $case: 'text', value: 'Add.' } },
          { ...part, content: { $case: 'data', value: { numbers: [3, 4] } } },
          { ...part, mediaType: 'image/png', content: { $case: 'raw', value: dot } },
        ],
      }),
    )) as Task;
    const parts = task.artifacts[0]?.parts ?? [];
    expect(parts.find(({ content }) => content?.$case === 'data')?.content).toMatchObject({
      value: { total: 7 },
    });
    const { input_data, images } = await one(
      fixture.db.pool,
      `select input_data, jsonb_path_query_array(input_parts, '$[*].type') as images from howdah.executions where id = $1`,
      [task.id],
    );
    expect([input_data, images]).toEqual([{ numbers: [3, 4] }, ['image_url']]);
    await fixture.db.pool.query(
      `insert into howdah.resources (name, type, bytes, size, sha256, execution_id, created_by)
       values ('bill.txt', 'text/plain', 'seven', 5, encode(sha256('seven'), 'hex'), $1, 'test')`,
      [task.id],
    );
    const again = await client.getTask({ tenant: '', id: task.id });
    expect(again.artifacts[1]?.parts[0]).toMatchObject({
      filename: 'bill.txt',
      mediaType: 'text/plain',
      content: {
        $case: 'url',
        value: expect.stringMatching(/^http.*\/api\/resources\/[0-9a-f-]{36}$/),
      },
    });
  });
});

describe('protocol version 0.3', () => {
  test('starts, follows, reads and cancels the same tasks', async () => {
    const agent = await fixture.agent(
      (_request, messages) =>
        messages.some(({ role }) => role === 'tool')
          ? { content: 'Done.' }
          : { tool_calls: [{ name: 'ask_user', arguments: { question: 'Sure?' } }] },
      { human_input: true },
    );
    const client = new LegacyJsonRpcTransport({ endpoint: `${fixture.api.url}/a2a/${agent}` });
    const events = await collectPayloads(client.sendMessageStream(textMessage('Do it.')));
    const last = events.at(-1);
    if (last?.$case !== 'statusUpdate') throw new Error('the stream ends with a status');
    expect(last.value.status?.state).toBe(TaskState.TASK_STATE_INPUT_REQUIRED);
    const id = last.value.taskId;
    const done = (await client.sendMessage(textMessage('Yes.', { taskId: id }))) as Task;
    expect(done.status?.state).toBe(TaskState.TASK_STATE_COMPLETED);
    expect(answerOf(done)).toBe('Done.');
    expect(answerOf(await client.getTask({ tenant: '', id }))).toBe('Done.');
    const refused = await client
      .cancelTask({ tenant: '', id, metadata: undefined })
      .catch((error) => error);
    expect(refused).toMatchObject({ name: 'TaskNotCancelableError' });
  });

  test('events carry their kind, and the last event is marked final', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const { message } = textMessage('Hello.');
    const response = await fetch(`${fixture.api.url}/a2a/${agent}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        jsonrpc: '2.0',
        id: 7,
        method: 'message/stream',
        params: {
          message: {
            kind: 'message',
            messageId: message.messageId,
            role: 'user',
            parts: [{ kind: 'text', text: 'Hello.' }],
          },
        },
      }),
    });
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    const events = (await response.text())
      .split('\n\n')
      .flatMap((frame) => (frame.startsWith('data: ') ? [JSON.parse(frame.slice(6))] : []));
    expect(events.every(({ id, jsonrpc }) => id === 7 && jsonrpc === '2.0')).toBe(true);
    const results = events.map(({ result }) => result);
    expect(results[0]).toMatchObject({
      kind: 'task',
      // depends on the timing
      status: { state: expect.stringMatching(/^(submitted|working|completed)$/) },
    });
    expect(results.at(-1)).toMatchObject({
      kind: 'status-update',
      final: true,
      status: { state: 'completed' },
    });
    expect(results.filter(({ final }) => final === true)).toHaveLength(1);
  });
});

describe('refusals', () => {
  const call = (method: string, params: unknown) => ({ jsonrpc: '2.0', id: 1, method, params });

  test('use the error codes of the protocol', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const codes = async (body: unknown, headers = {}) =>
      (await rpc(agent, body, headers)).body.error?.code;
    expect(await codes('{')).toBe(-32700);
    expect(await codes([])).toBe(-32600);
    expect(await codes(call('Fly', {}))).toBe(-32601);
    for (const inherited of ['__proto__', 'constructor', 'toString']) {
      expect(await codes(call(inherited, {}))).toBe(-32601);
    }
    expect(await codes(call('SendMessage', {}))).toBe(-32602);
    expect(await codes(call('GetTask', { id: 'nothing' }))).toBe(-32001);
    expect(await codes(call('GetTask', { id: 'x', historyLength: 2 ** 31 }))).toBe(-32602);
    expect(await codes(call('ListTasks', {}))).toBe(-32004);
    expect(await codes(call('CreateTaskPushNotificationConfig', {}))).toBe(-32003);
    expect(await codes(call('GetExtendedAgentCard', {}))).toBe(-32007);
    expect(await codes(call('GetTask', { id: 'x' }), { 'a2a-version': '2.0' })).toBe(-32009);
    expect(await codes(call('tasks/get', { id: 'x' }), { 'a2a-version': '1.0' })).toBe(-32601);
    const file = {
      message: { messageId: 'm', role: 'ROLE_USER', parts: [{ url: 'https://x.test/a.pdf' }] },
    };
    expect(await codes(call('SendMessage', file))).toBe(-32005);
    const { body } = await rpc(
      agent,
      call('SendMessage', { message: { messageId: 'm', role: 'user' } }),
    );
    expect(body).toMatchObject({
      jsonrpc: '2.0',
      id: 1,
      error: {
        message: 'message.parts is missing',
        data: [{ reason: 'INVALID_PARAMS', metadata: { field: 'message.parts' } }],
      },
    });
  });

  test('a task of another agent or tenant is not found, like an unknown task', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const task = (await (await clientOf(agent)).sendMessage(textMessage('Hello.'))) as Task;
    const another = await fixture.agent(() => ({ content: 'Hi.' }));
    await makeAgent(fixture.db.pool, { name: agent, tenant_id: other });
    const outsider = (await makeApiKey(fixture.db.pool, other, { role: 'owner' })).key;
    const nobody = '01890000-0000-7000-8000-000000000000';
    const ask = async (method: string, id: string, of: string, on: ApiServer, key?: string) => {
      const message = {
        ...textMessage('Again.').message,
        taskId: id,
        role: 'ROLE_USER',
        parts: [{ text: 'Again.' }],
      };
      const params = method === 'SendMessage' ? { message } : { id };
      const headers = key === undefined ? {} : { authorization: `Bearer ${key}` };
      const { status, body } = await rpc(
        of,
        call(method, params),
        headers as Record<string, string>,
        on,
      );
      return JSON.parse(JSON.stringify([status, body]).replaceAll(id, 'ID'));
    };
    for (const method of ['GetTask', 'CancelTask', 'SubscribeToTask', 'SendMessage']) {
      const missing = await ask(method, nobody, agent, api, outsider);
      expect(missing[1].error.code).toBe(-32001);
      expect(await ask(method, task.id, agent, api, outsider)).toEqual(missing);
      expect(await ask(method, task.id, another, fixture.api)).toEqual(missing);
    }
    const context = async (contextId: string, key: string) => {
      const message = { messageId: 'm', role: 'user', parts: [{ text: 'Hello.' }], contextId };
      const { body } = await rpc(
        agent,
        call('SendMessage', { message }),
        { authorization: `Bearer ${key}` },
        api,
      );
      return JSON.parse(JSON.stringify(body).replaceAll(contextId, 'ID'));
    };
    expect(await context(task.contextId, outsider)).toEqual(await context(nobody, outsider));
    expect((await context(nobody, outsider)).error.code).toBe(-32602);
  });

  test('an unknown, foreign, restricted or inactive agent is the same 404', async () => {
    await makeAgent(fixture.db.pool, { name: 'theirs-alone', tenant_id: other });
    await makeAgent(fixture.db.pool, { name: 'not-for-all', is_restricted: true });
    await makeAgent(fixture.db.pool, { name: 'sleeping', is_active: false });
    const { key } = await makeApiKey(fixture.db.pool, tenant);
    const headers = { authorization: `Bearer ${key}` };
    const askAgent = async (name: string) => {
      const card = await fetch(`${api.url}/a2a/${name}/.well-known/agent-card.json`, { headers });
      const sent = await rpc(name, call('GetTask', { id: 'x' }), headers, api);
      const answers = [card.status, await card.json(), sent.status, sent.body];
      return JSON.parse(JSON.stringify(answers).replaceAll(name, 'NAME'));
    };
    const missing = await askAgent('nobody-at-all');
    expect([missing[0], missing[2]]).toEqual([404, 404]);
    for (const name of ['theirs-alone', 'not-for-all', 'sleeping']) {
      expect(await askAgent(name)).toEqual(missing);
    }
  });

  test('a viewer cannot start a task, and a request beyond a quota is 429', async () => {
    const agent = await fixture.agent(() => ({ content: 'Hi.' }));
    const viewer = await makeApiKey(fixture.db.pool, tenant, { role: 'viewer' });
    const message = { messageId: 'm', role: 'user', parts: [{ text: 'Hello.' }] };
    const { body } = await rpc(
      agent,
      call('SendMessage', { message }),
      { authorization: `Bearer ${viewer.key}` },
      api,
    );
    expect(body.error).toMatchObject({ code: -32000, data: [{ metadata: { code: 'HWDEN' } }] });
    expect(fixture.messagesOf(agent)).toEqual([]);
    const poor = await makeTenant(fixture.db.pool);
    await makeAgent(fixture.db.pool, { name: 'clerk', tenant_id: poor });
    await fixture.db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value) values ($1, 'tenant', 'requests', 'month', 1)`,
      [poor],
    );
    const { key } = await makeApiKey(fixture.db.pool, poor);
    const headers = { authorization: `Bearer ${key}` };
    const statuses = [];
    for (let nth = 0; nth < 2; nth += 1) {
      statuses.push((await rpc('clerk', call('GetTask', { id: 'x' }), headers, api)).status);
    }
    expect(statuses).toEqual([200, 429]);
  });

  test('a run beyond its quota is rejected with a retry time in body and header', async () => {
    const poor = await makeTenant(fixture.db.pool);
    await makeAgent(fixture.db.pool, { name: 'clerk', tenant_id: poor });
    await fixture.db.pool.query(
      `insert into howdah.limits (tenant_id, metric, period, max_value) values ($1, 'runs', 'month', 0)`,
      [poor],
    );
    const { key } = await makeApiKey(fixture.db.pool, poor);
    const message = { messageId: 'm', role: 'user', parts: [{ text: 'Hello.' }] };
    const answer = await fetch(`${api.url}/a2a/clerk`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(call('SendMessage', { message })),
    });
    const { error } = (await answer.json()) as {
      error: { data: [{ metadata: Record<string, string> }] };
    };
    const { code, retry_after_seconds } = error.data[0].metadata;
    expect({ code, after: answer.headers.get('retry-after') }).toEqual({
      code: 'HWQTA',
      after: retry_after_seconds,
    });
    expect(Number(retry_after_seconds)).toBeGreaterThan(0);
  });

  test('a key revoked during a stream ends the stream with an error and no more events', async () => {
    const modelCalled = Promise.withResolvers<void>();
    const agent = await fixture.agent(async () => {
      modelCalled.resolve();
      await new Promise(() => {});
      return { content: '' };
    });
    const { key, id } = await makeApiKey(fixture.db.pool, tenant);
    const client = await clientOf(agent, api, key);
    const following = collectPayloads(client.sendMessageStream(textMessage('Think.'))).catch(
      (error) => error,
    );
    await modelCalled.promise;
    await fixture.db.pool.query('update howdah.api_keys set revoked_at = now() where id = $1', [
      id,
    ]);
    const error = await following;
    expect(error).toBeInstanceOf(Error);
    expect(error.message).toMatch(/revoked/);
    const { status } = await eventually<{ status: string }>(
      fixture.db.pool,
      'its run goes on',
      `select e.status::text from howdah.executions as e where e.agent_id = howdah.agent($1) and e.status = 'running'`,
      [agent],
    );
    expect(status).toBe('running');
  });
});

test('the agent answers the example of docs/a2a.md', async () => {
  const page = readFileSync(fileURLToPath(new URL('../../docs/a2a.md', import.meta.url)), 'utf8');
  const [, path = '', body = ''] =
    /^curl http:\/\/127.0.0.1:8000\/a2a\/(\w+) .* -d '(.*)'$/m.exec(page) ?? [];
  const helper = await fixture.agent(() => ({ content: 'I can count.' }));
  await fixture.db.pool.query(
    `update howdah.agents set instruction = $1 where name = 'development'`,
    [`I am ${helper}.`],
  );
  const { body: answer } = await rpc(path, body);
  expect(answer.result.task.artifacts[0].parts).toEqual([{ text: 'I can count.' }]);
});

test.each(['SendStreamingMessage', 'SendMessage'])(
  '%s whose feed ends before the run says that the run continues',
  async (method) => {
    const { promise: opened, resolve: open } = Promise.withResolvers<void>();
    const agent = await fixture.agent(async () => {
      await opened;
      return { content: 'Hi.' };
    });
    const message = { messageId: method, role: 'ROLE_USER', parts: [{ text: 'Hello.' }] };
    const answer = await withoutFeeds(async () => {
      const response = await fetch(`${fixture.api.url}/a2a/${agent}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'a2a-version': '1.0' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: { message } }),
      });
      return response.text();
    });
    open();
    expect(answer).toContain('"error"');
    expect(answer).toContain('continues');
  },
);
