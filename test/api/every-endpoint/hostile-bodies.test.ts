import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { runAgentInput } from '../../../src/api/ag-ui/run-agent-input.ts';
import { refuseVariables } from '../../../src/api/graphql/request.ts';
import { parseJsonBody } from '../../../src/api/http/json-body.ts';
import { chatRequest } from '../../../src/api/openai/chat/chat-request.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { ThreadPool } from '../../../src/concurrency/thread-pool.ts';
import { checkShape } from '../../../src/operations/check-shape.ts';
import { hostileJson, hostileOperations } from '../../fixtures/hostile-bodies.ts';
import { makeAgent, makeApiKey, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { countAllocated, countWork } from '../../support/work/count-work.ts';
import { follow, openSocket, startTestApi } from '../harness.ts';
import { type Called, call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';
import { openWs } from '../ws/ws-client.ts';

const db = testDatabase();
let api: ApiServer;
let agent: string;
let tenant: string;
const keys: Record<'admin' | 'member' | 'viewer' | 'reader', string> = {} as never;

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  tenant = await makeTenant(db.pool);
  const id = await makeAgent(db.pool, { tenant_id: tenant });
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name;
  for (const role of ['admin', 'member', 'viewer'] as const) {
    keys[role] = (await makeApiKey(db.pool, tenant, { role })).key;
  }
  keys.reader = (await makeApiKey(db.pool, tenant, { role: 'admin', scopes: ['read'] })).key;
});
afterAll(async () => {
  await api?.close();
});

const send = (path: string, body: unknown, key: string, headers = {}): Promise<Called> =>
  call(api, 'POST', path, body, { token: key, headers });

/**
 * Number of characters of a hostile body, and the most work for each character. Quadratic work
 * would be thousands of times as much.
 */
const SIZE = 200_000;
const MAX_PER_CHARACTER = 100;

describe('the work of rejecting hostile bodies grows with their size alone', () => {
  const endpoints: [path: () => string, known: string, list: string][] = [
    [() => '/api/execute', 'message', 'input_parts'],
    [() => '/api/agents', 'instruction', 'capabilities'],
    [() => '/api/workflows', 'description', 'members'],
    [() => '/agent-systems/check', 'text', 'files'],
    [() => '/v1/chat/completions', 'model', 'messages'],
    [() => '/v1/responses', 'instructions', 'input'],
    [() => `/ag-ui/agents/${agent}`, 'threadId', 'messages'],
    [() => '/api/chat', 'agent', 'messages'],
    [() => `/a2a/${agent}`, 'method', 'params'],
    [() => '/mcp', 'method', 'params'],
    [() => '/graphql', 'query', 'variables'],
  ];

  /** Messages of protocols that are valid except for the hostile object in them. */
  const messages: [what: string, path: () => string, known: string, list: string, Wrap][] = [
    [
      'an input of AG-UI',
      () => `/ag-ui/agents/${agent}`,
      'parentRunId',
      'context',
      (body) => body.replace('{', '{"threadId":"t","runId":"r","messages":[],'),
    ],
    [
      'a message of A2A',
      () => `/a2a/${agent}`,
      'messageId',
      'parts',
      (body) => `{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":${body}}}`,
    ],
    [
      'a client of MCP',
      () => '/mcp',
      'title',
      'icons',
      (body) =>
        `{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":${body.replace('{', '{"name":"x","version":"1",')}}}`,
    ],
  ];
  type Wrap = (body: string) => string;

  /** Sends bodies one after the other, and compares the work with their size. */
  async function sendAll(
    bodies: Readonly<Record<string, string>>,
    sendOne: (body: string, name: string) => Promise<void>,
  ): Promise<void> {
    const all = Object.entries(bodies);
    const size = all.reduce((sum, [, body]) => sum + body.length, 0);
    const work = await countWork(async () => {
      for (const [name, body] of all) await sendOne(body, name);
    });
    expect(work).toBeLessThan(MAX_PER_CHARACTER * size);
  }

  /** Checks the answer to a hostile body, which has no part of the body that is long. */
  function checkAnswer({ status, body }: Called, name: string): void {
    expect(status, name).toBeLessThan(500);
    expect(JSON.stringify(body).length, name).toBeLessThan(20_000);
  }

  test.each(endpoints)('%s', async (path, known, list) => {
    await sendAll(hostileJson(SIZE, known, list), async (body, name) =>
      checkAnswer(await send(path(), body, keys.admin), name),
    );
  });

  test.each(messages)('%s', async (_what, path, known, list, wrap) => {
    const accept = { accept: 'application/json, text/event-stream' };
    for (const size of [SIZE, 4 * SIZE]) {
      await sendAll(hostileJson(size, known, list), async (body, name) =>
        checkAnswer(await send(path(), wrap(body), keys.admin, accept), name),
      );
    }
  });

  test.each(endpoints)('%s accepts at most 100,000 values', async (path) => {
    const many = `{"k":[${Array(100_000).fill('{}').join(' , ')}]}`;
    const refused = await send(path(), many, keys.admin);
    expect(refused.status).toBeLessThan(500);
    expect(JSON.stringify(refused.body)).toContain('more than 100000 values');
  });

  test('GraphQL operations and their variables', async () => {
    await sendAll(hostileOperations(90_000), async (query) => {
      await send('/graphql', { query }, keys.admin);
    });
    const query = 'query ($f: AgentFilter) { agents(filter: $f) { totalCount } }';
    await sendAll(hostileJson(SIZE, 'name', 'and'), async (text) => {
      await send(
        '/graphql',
        `{"query":${JSON.stringify(query)},"variables":{"f":${text}}}`,
        keys.admin,
      );
    });
  });

  test('WebSocket messages', async () => {
    const client = await openWs(api, { authorization: `Bearer ${keys.admin}` });
    const errors = () => client.received.filter(({ type }) => type === 'error').length;
    await sendAll(hostileJson(SIZE, 'message', 'input_parts'), async (body) => {
      const before = errors();
      client.socket.send(body.replace('{', '{"type":"execute","id":"x",'));
      await client.when(() => errors() > before);
    });
    client.close();
  });
});

test.each([
  ['viewer', 1009],
  ['reader', 1009],
  ['member', undefined],
] as const)('the 16 KB limit of GraphQL messages depends on the role: %s', async (role, code) => {
  const socket = openSocket(api, { authorization: `Bearer ${keys[role]}` });
  const name = 'x'.repeat(20_000);
  const query = 'query ($name: String) { agents(filter: {name: {equalTo: $name}}) { totalCount } }';
  const closed = socket.closed;
  const followed = follow(socket, query, { name });
  if (code !== undefined) expect(await closed).toBe(code);
  else {
    expect(await followed.end).toBe('completed');
    expect(followed.items).toEqual([{ totalCount: 0 }]);
  }
  await socket.client.dispose();
});

describe('only the first twenty faults are listed', () => {
  test.each([
    [
      'for 500 unknown fields',
      Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`mesage${i}`, 1])),
    ],
    ['for 500 invalid items', { agent: 'a', message: 'x', input_parts: Array(500).fill(1) }],
  ])('%s', async (_what, body) => {
    const { status, body: problem } = await send('/api/execute', body, keys.member);
    expect(status).toBe(400);
    expect(problem).toMatchObject({ code: 'HWINV' });
    expect(problem.errors).toHaveLength(20);
  });

  test('an overlong list is rejected by its length without checking its items', async () => {
    const { body } = await send(
      '/api/execute',
      { agent, message: 'x', input_parts: Array(1_001).fill(1) },
      keys.member,
    );
    expect(body.errors).toEqual([
      { in: 'body', field: 'input_parts', message: expect.stringContaining('<=1000 items') },
    ]);
    const messages = Array(10_001).fill({ role: 'user', content: 'x' });
    const refused = await send('/v1/chat/completions', { model: agent, messages }, keys.member);
    expect(refused).toMatchObject({
      status: 400,
      body: { error: { param: 'messages', message: expect.stringContaining('<=10000 items') } },
    });
    const input = { threadId: 't', runId: 'r', messages };
    const agUi = await send(`/ag-ui/agents/${agent}`, input, keys.member);
    expect(agUi).toMatchObject({
      status: 400,
      body: { field: 'messages', detail: expect.stringContaining('<=10000 items') },
    });
    const parts = Array(1_001).fill({ text: 'x' });
    const message = { messageId: 'm', role: 'ROLE_USER', parts };
    const rpc = { jsonrpc: '2.0', id: 1, method: 'SendMessage', params: { message } };
    const { body: a2a } = await send(`/a2a/${agent}`, rpc, keys.member);
    expect(a2a.error.message).toContain('message.parts');
    expect(a2a.error.message).toContain('<=1000 items');
  });

  test('a list may have as many items as its schema allows', () => {
    const messages = Array(10_000).fill({ role: 'user', content: 'x' });
    expect(checkShape(chatRequest, { model: 'x', messages })).toHaveProperty('value');
    const input = { threadId: 't', runId: 'r', messages };
    expect(checkShape(runAgentInput, input)).toHaveProperty('value');
  });

  test('an MCP message may have 1,000 values besides the arguments of a tool', async () => {
    const ask = (method: string, params: object) =>
      send('/mcp', { jsonrpc: '2.0', id: 1, method, params }, keys.member, {
        accept: 'application/json, text/event-stream',
      });
    const list = Array(1_000).fill(1);
    const clientInfo = { name: 'x', version: '1', icons: list };
    const started = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    expect(await ask('initialize', started)).toMatchObject({
      status: 400,
      body: { code: 'HWINV', detail: expect.stringContaining('more than 1000 values') },
    });
    const called = await ask('tools/call', { name: 'nothing', arguments: { list } });
    expect(called.status).toBe(200);
    expect(called.body).toContain('Unknown tool');
    const metadata = await ask('tools/call', { name: 'nothing', _meta: { list } });
    expect(metadata.status).toBe(400);
  });

  test('an object may have at most 10,000 names', async () => {
    const names = (count: number) =>
      Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 1]));
    const run = (input_data: object) =>
      send('/api/execute', { agent, message: 'x', input_data }, keys.member);
    expect((await run(names(10_001))).body.detail).toContain('10000 names');
    expect((await run(names(10_000))).status).toBe(202);
  });
});

test('WebSocket messages and GraphQL variables may have at most 100,000 values', async () => {
  const client = await openWs(api, { authorization: `Bearer ${keys.admin}` });
  client.socket.send(`{"type":"execute","id":"x","k":[${Array(100_000).fill('{}').join()}]}`);
  await client.when(() => client.received.some(({ type }) => type === 'error'));
  const refused = client.received.find(({ type }) => type === 'error');
  expect(JSON.stringify(refused)).toContain('more than 100000 values');
  client.close();
  expect(() => refuseVariables({ k: Array(100_000).fill(1) })).toThrow('more than 100000 values');
  expect(() => refuseVariables({ k: Array(99_998).fill(1) })).not.toThrow();
});

test('objects and lists count together with their contents', () => {
  const of = (items: string) =>
    parseJsonBody(Buffer.from(`{"a": [], "b": "[{,", "k": [ ${items} ]}`)).ok;
  expect(of(Array(99_996).fill('1').join())).toBe(true);
  expect(of(Array(99_997).fill('1').join())).toBe(false);
  expect(of(Array(33_332).fill('{"a": [ { } ] }').join(' , '))).toBe(true);
  expect(of(Array(33_333).fill('{"a": [ { } ] }').join(' , '))).toBe(false);
  expect(parseJsonBody(Buffer.from('{"k": "')).ok).toBe(false);
});

describe('read-only callers', () => {
  const nonsense = { mesage: 1 };
  const large = { text: 'x'.repeat(20_000) };

  test.each(['viewer', 'reader'] as const)(
    'are rejected before the body is validated: %s',
    async (who) => {
      for (const path of ['/api/execute', '/api/agents', '/sessions', '/agent-systems/check']) {
        const answers = [await send(path, nonsense, keys[who]), await send(path, large, keys[who])];
        for (const { status, body } of answers) {
          expect([path, status, body.code]).toEqual([path, 403, 'HWDEN']);
        }
      }
      const yaml = { 'content-type': 'application/yaml' };
      expect((await send('/agent-systems', 'a: [', keys[who], yaml)).status).toBe(403);
      const paths = ['/v1/chat/completions', '/v1/responses', '/api/chat'];
      for (const path of [...paths, `/ag-ui/agents/${agent}`]) {
        expect([path, (await send(path, nonsense, keys[who])).status]).toEqual([path, 403]);
      }
    },
  );

  test.each(['viewer', 'reader'] as const)(
    'may send at most 16 KB where they may read: %s',
    async (who) => {
      const query = `{ agents { totalCount } } # ${'x'.repeat(20_000)}`;
      expect((await send('/graphql', { query }, keys[who])).status).toBe(413);
      expect((await send('/graphql', { query }, keys.member)).status).toBe(200);
      expect((await send('/graphql', { query: query.slice(0, 10_000) }, keys[who])).status).toBe(
        200,
      );
      for (const path of ['/mcp', `/a2a/${agent}`]) {
        expect([path, (await send(path, large, keys[who])).status]).toEqual([path, 413]);
        expect([path, (await send(path, large, keys.member)).status]).not.toEqual([path, 413]);
      }
      const client = await openWs(api, { authorization: `Bearer ${keys[who]}` });
      client.socket.send(JSON.stringify({ type: 'subscribe', id: 'x', ...large }));
      const { error } = await client.when(({ type }) => type === 'error');
      expect(error).toMatchObject({ status: 413 });
      client.close();
    },
  );

  test('are limited to 16 KB without a Content-Length, too', async () => {
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(
          new TextEncoder().encode(`{"query":"{ nodeId } # ${'x'.repeat(20_000)}"}`),
        );
        controller.close();
      },
    });
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${keys.viewer}` },
      body,
      duplex: 'half',
    } as RequestInit);
    expect(response.status).toBe(413);
  });

  test('an admin still receives the faults of an agent system, and a member gets 403', async () => {
    const files = { files: [{ name: 'x.yaml', text: 'agent: {}' }] };
    expect((await send('/agent-systems/check', files, keys.admin)).body.valid).toBe(false);
    expect((await send('/agent-systems/check', files, keys.member)).status).toBe(403);
  });
});

test('large agent system files are parsed in a thread, in the queue of their tenant', async () => {
  const run = vi.spyOn(ThreadPool.prototype, 'run');
  onTestFinished(() => run.mockRestore());
  const text = `version: v1\nname: x\n# ${'x'.repeat(20_000)}\n`;
  const yaml = { 'content-type': 'application/yaml' };
  const files = [{ name: 'x.yaml', text }];
  for (const ask of [
    () => send('/agent-systems/check', { files }, keys.admin),
    () => send('/agent-systems?dry_run=true', text, keys.admin, yaml),
  ]) {
    run.mockClear();
    expect((await ask()).status).toBe(200);
    const calls = run.mock.calls.map(([{ name }, , { key }]) => [name, key]);
    expect(calls).toEqual([
      ['parseYamlText', tenant],
      ['checkDocumentText', tenant],
    ]);
  }
});

test('a body of one large text is not copied into an object', async () => {
  const text = `# ${'x'.repeat(1_000_000)}`;
  const copy = await countAllocated(() => ({ ...(text as unknown as object) }));
  const yaml = { 'content-type': 'application/yaml' };
  const allocated = await countAllocated(() =>
    send('/agent-systems?dry_run=true', text, keys.admin, yaml),
  );
  expect(allocated).toBeLessThan(copy / 2);
});

test('a body with a wrong Content-Length is never parsed as another request', async () => {
  const { hostname, port } = new URL(api.url);
  const answer = (length: number, body: string) =>
    new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname);
      let text = '';
      socket.on('data', (data) => {
        text += data;
      });
      socket.on('close', () => resolve(text));
      socket.write(
        `POST /graphql HTTP/1.1\r\nhost: ${hostname}\r\nauthorization: Bearer ${keys.viewer}\r\n` +
          `content-type: application/json\r\nconnection: close\r\ncontent-length: ${length}\r\n\r\n${body}`,
      );
      // a client that ends earlier would count as disconnected
      if (length > body.length) socket.end();
    });
  const body = '{"query":"{ nodeId }"}';
  expect(await answer(body.length, body)).toContain('200 OK');
  expect(await answer(5, body)).toMatch(/^HTTP\/1.1 400/);
  expect(await answer(body.length + 5, body)).not.toContain('200 OK');
});
