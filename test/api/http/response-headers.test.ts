import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getIntrospectionQuery } from 'graphql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadOperations } from '../../../src/api/graphql/allowed-operations.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { ask, follow, openSocket, startTestApi } from '../harness.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

let db: TestDatabase;
let api: ApiServer;
let closed: ApiServer;
let folder: string;

const KNOWN = 'query Count { agents { totalCount } }\n';

beforeAll(async () => {
  db = await createTestDatabase();
  folder = mkdtempSync(join(tmpdir(), 'howdah-operations-'));
  writeFileSync(join(folder, 'count.graphql'), KNOWN);
  api = await startTestApi(db.url, { bounds: { requestMs: 300 } });
  closed = await startTestApi(db.url, {
    graphqlIntrospection: false,
    graphqlOperations: folder,
  });
});

afterAll(async () => {
  await api?.close();
  await closed?.close();
  await db?.drop();
  rmSync(folder, { recursive: true });
});

type Sent = { status: number; headers: Headers; text: string };

async function send(path: string, init: RequestInit = {}, to = api): Promise<Sent> {
  const response = await fetch(`${to.url}${path}`, { redirect: 'manual', ...init });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

const post = (body: string | Buffer<ArrayBuffer>, headers: Record<string, string> = {}) =>
  send('/graphql', {
    method: 'POST',
    body,
    headers: { 'content-type': 'application/json', ...headers },
  });

const query = (text: string) => post(JSON.stringify({ query: text }));

/** Returns all data that a client receives until the server closes the connection. */
function raw(...pieces: (string | Buffer)[]): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  for (const piece of pieces) socket.write(piece);
  return new Promise((resolve) => {
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

/** Asserts that an answer contains an error code and no internal details. */
function expectCoded({ text }: Pick<Sent, 'text'>): void {
  const answer = JSON.parse(text);
  expect(answer.code ?? answer.errors[0].extensions.code).toMatch(/^HW/);
  expect(text).not.toMatch(/node_modules|\.[jt]s:\d|\bat .*\(/);
}

async function expectAlive(): Promise<void> {
  expect((await send('/healthz')).status).toBe(200);
  expect(({} as Record<string, unknown>).polluted).toBeUndefined();
}

describe('security headers of every response', () => {
  const expected = {
    'content-security-policy':
      "default-src 'none';frame-ancestors 'none';base-uri 'none';form-action 'none'",
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'no-referrer',
    'cross-origin-resource-policy': 'same-origin',
    'cache-control': 'no-store',
  };

  test.each<[number, string, RequestInit]>([
    [200, '/healthz', {}],
    [404, '/nothing', {}],
    [
      200,
      '/graphql',
      {
        method: 'POST',
        body: '{"query":"{nodeId}"}',
        headers: { 'content-type': 'application/json' },
      },
    ],
    [
      400,
      '/graphql',
      { method: 'POST', body: '{', headers: { 'content-type': 'application/json' } },
    ],
    [405, '/graphql', {}],
    [403, '/healthz', { headers: { origin: 'https://evil.example' } }],
  ])('%i %s', async (status, path, init) => {
    const answer = await send(path, init);
    expect(answer.status).toBe(status);
    const headers = Object.fromEntries(answer.headers);
    expect(headers).toMatchObject(expected);
    expect(Object.keys(headers)).not.toContain('x-powered-by');
    expect(Object.keys(headers)).not.toContain('server');
    expect(Object.keys(headers)).not.toContain('access-control-allow-origin');
  });

  test('are set on a 401 and on malformed HTTP', async () => {
    const guarded = await startTestApi(db.url, tokenOptions);
    const answer = await send('/graphql', { method: 'POST', body: '{}' }, guarded);
    await guarded.close();
    expect({ ...Object.fromEntries(answer.headers), status: answer.status }).toMatchObject({
      ...expected,
      status: 401,
    });
    const head = (await raw('NONSENSE\r\n\r\n')).toLowerCase();
    for (const [name, value] of Object.entries(expected)) {
      expect(head).toContain(`${name}: ${value.toLowerCase()}`);
    }
  });

  test('let GraphiQL run its own scripts and forbid framing', async () => {
    const page = await send('/graphiql');
    const again = await send('/graphiql');
    const policy = page.headers.get('content-security-policy') ?? '';
    const nonce = /script-src 'self' 'nonce-([\w+/=]{24})'/.exec(policy)?.[1];
    expect(policy).toContain("frame-ancestors 'none'");
    expect(again.headers.get('content-security-policy')).not.toContain(nonce);
    const scripts = [...page.text.matchAll(/<script\b([^>]*)>/g)].map(([, found]) => found);
    expect(scripts.length).toBe(2);
    for (const found of scripts) expect(found).toContain(`nonce="${nonce}"`);
    expect(policy).not.toContain('unsafe');
    expect(page.text).not.toMatch(/<style|\sstyle=|https?:/);
  });
});

describe('rejects expensive operations', () => {
  const nested = (levels: number) =>
    `{ executions { nodes { ${'agent { executions { nodes { '.repeat(levels)} id ${'} } }'.repeat(levels)} } } }`;

  test.each([
    ['a depth of 50', nested(16)],
    ['1,000 aliases', `{ ${Array.from({ length: 1_000 }, (_, i) => `a${i}: nodeId`).join(' ')} }`],
    ['the same field 10,000 times', `{ agents { nodes { ${'id '.repeat(10_000)} } } }`],
    ['a string of 1 MB', `{ nodeId } # ${'x'.repeat(1_000_000)}`],
    ['500 directives', `{ nodeId ${'@include(if: true) '.repeat(500)} }`],
    [
      'a cycle of fragments',
      '{ agents { nodes { ...a } } } fragment a on Agent { ...b } fragment b on Agent { ...a }',
    ],
    [
      'deep introspection',
      `{ __schema { types { ${'fields { type { '.repeat(6)} name ${'} }'.repeat(6)} } } }`,
    ],
    ['braces nested 30,000 deep', `${'{a'.repeat(30_000)}`],
    ['lists nested 30,000 deep', `{ agents(first: ${'['.repeat(30_000)}`],
  ])('%s', async (_what, text) => {
    const answer = await query(text);
    expect(answer.status).toBe(400);
    expectCoded(answer);
    await expectAlive();
  });
});

describe('rejects invalid bodies', () => {
  const good = '{"query":"{nodeId}"}';
  const deep = `{"query":"{nodeId}","variables":{"a":${'['.repeat(100_000)}${']'.repeat(100_000)}}}`;

  test.each<[number, string, string | Buffer<ArrayBuffer>, Record<string, string>]>([
    [400, 'a list of operations', `[${Array(1_000).fill(good).join(',')}]`, {}],
    [400, 'truncated JSON', '{"query":', {}],
    [400, 'an empty body', '', {}],
    [400, 'a string', '"{nodeId}"', {}],
    [400, 'a body without a query', '{"variables":{}}', {}],
    [400, 'a query that is a number', '{"query":1}', {}],
    [400, 'variables that are a list', '{"query":"{nodeId}","variables":[1]}', {}],
    [400, 'a duplicate name', '{"query":"{nodeId}","query":"{__typename}"}', {}],
    [
      400,
      'a duplicate name, once escaped',
      '{"query":"{nodeId}","\\u0071uery" \n\t : "{__typename}"}',
      {},
    ],
    [
      400,
      'a duplicate name in a nested object',
      '{"query":"{nodeId}","variables":{"a":[{"\\"b\\\\":1,"\\"b\\\\":2}]}}',
      {},
    ],
    [400, 'a byte order mark', `\uFEFF${good}`, {}],
    [400, 'UTF-16', Buffer.from(`\uFEFF${good}`, 'utf16le'), {}],
    [400, 'invalid UTF-8', Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x7d]), {}],
    [400, 'variables nested 100,000 deep', deep, {}],
    [413, 'a body of 5 MB', `"${'x'.repeat(5_000_000)}"`, {}],
    [415, 'another charset', good, { 'content-type': 'application/json; charset=utf-16' }],
    [415, 'a compressed body', good, { 'content-encoding': 'gzip' }],
    [415, 'a form', 'query={nodeId}', { 'content-type': 'application/x-www-form-urlencoded' }],
    [415, 'plain text', good, { 'content-type': 'text/plain' }],
  ])('%i for %s', async (status, _what, body, headers) => {
    const answer = await post(body, headers);
    expect(answer.status).toBe(status);
    expectCoded(answer);
    await expectAlive();
  });

  test('JavaScript property names such as __proto__ are stored as ordinary names', async () => {
    const { text, status } =
      await post(`{"query":"mutation ($s: JSON!) { createSession(input: { session: { state: $s } }) { session { state } } }",
      "variables":{"s":{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}},"__proto__":{"polluted":true}}`);
    expect(status).toBe(200);
    expect(text).toContain(
      '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}',
    );
    await expectAlive();
  });

  test('accepts values that only look like duplicate names', async () => {
    const { text } = await post(
      '{"query":"query ($s: JSON) { nodeId }","variables":{"s":[{"a":1},{"a":"a\\\\"},["b","b"],{"c":"a\\":","a":{"a":"}"}}]}}',
    );
    expect(text).toContain('is never used'); // so the header was read
  });
});

describe('rejects text that Postgres cannot store', () => {
  const CREATE =
    'mutation ($a: AgentInput!) { createAgent(input: { agent: $a }) { agent { id } } }';

  test.each([
    ['U+0000', 'a\u0000b'],
    ['an unpaired surrogate', 'a\ud800b'],
  ])('%s in variables', async (_what, text) => {
    for (const a of [
      { name: 'x', instruction: text },
      { name: 'x', outputSchema: { [text]: 1 } },
    ]) {
      const { status, errors } = await ask(api, CREATE, { a });
      expect({ status, code: errors[0]?.extensions.code }).toEqual({ status: 400, code: 'HWINV' });
    }
    const socket = openSocket(api);
    const followed = follow(socket, CREATE, { a: { name: text } });
    await followed.end;
    expect(followed.errors[0]?.extensions.code).toBe('HWINV');
    await socket.client.dispose();
  });

  test.each([
    'instruction: "a\\u0000b"',
    'capabilities: ["\\u0000"]',
    'outputSchema: { a: "\\u0000" }',
  ])('U+0000 in the operation: %s', async (field) => {
    const { errors } = await ask(
      api,
      `mutation { createAgent(input: { agent: { name: "nul", ${field} } }) { agent { id } } }`,
    );
    expect(errors[0]?.extensions).toMatchObject({ code: 'HWINV', hint: expect.any(String) });
  });
});

describe('incomplete requests', () => {
  const head = 'POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';

  test.each([
    ['an incomplete body', `${head}content-length: 1000\r\n\r\n{"query"`],
    ['an incomplete chunked body', `${head}transfer-encoding: chunked\r\n\r\n2\r\n{"\r\n`],
    ['incomplete headers', head],
    ['an incomplete request line', 'POST /gra'],
  ])('with %s time out with 408', async (_what, text) => {
    const answer = await raw(text);
    expect(answer).toMatch(/^HTTP\/1\.1 408 /);
    expect(answer).toContain('application/problem+json');
    expectCoded({ text: answer.split('\r\n\r\n')[1] ?? '' });
    await expectAlive();
  });

  test('a million headers and malformed HTTP are rejected', async () => {
    const many = Buffer.from(`${head}${'a: b\r\n'.repeat(1_000_000)}\r\n`);
    expect(await raw(many)).toMatch(/^HTTP\/1\.1 431 /);
    expect(await raw('\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03')).toMatch(/^HTTP\/1\.1 400 /);
    expect(
      await raw(`${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`),
    ).toMatch(/^HTTP\/1\.1 400 /);
    await expectAlive();
  });
});

describe('without introspection, and with a list of allowed operations', () => {
  const count = { data: { agents: { totalCount: expect.any(Number) } } };
  const digest = createHash('sha256').update(KNOWN.trim()).digest('hex');
  const say = async (body: object) => {
    const answer = await send(
      '/graphql',
      {
        method: 'POST',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      },
      closed,
    );
    return { status: answer.status, body: JSON.parse(answer.text) };
  };

  test.each<[string, object]>([
    ['its text', { query: KNOWN }],
    ['its name', { documentId: 'count' }],
    ['its hash', { id: `sha256:${digest}` }],
    [
      'its hash in the format of Apollo',
      { extensions: { persistedQuery: { version: 1, sha256Hash: digest } } },
    ],
  ])('runs a listed operation by %s', async (_what, body) => {
    expect(await say(body)).toMatchObject({ status: 200, body: count });
  });

  test.each<[string, object]>([
    ['an unlisted text', { query: '{ nodeId }' }],
    ['an unknown id', { documentId: 'other' }],
    ['an unknown id beside a listed text', { documentId: 'other', query: KNOWN }],
    ['a path as an id', { documentId: '../count' }],
  ])('rejects %s', async (_what, body) => {
    const { status, body: answer } = await say(body);
    expect(status).toBe(400);
    expect(answer.errors[0].extensions).toMatchObject({
      code: 'HWINV',
      detail: { limit: 'operations' },
    });
  });

  test('applies the list to WebSocket, too', async () => {
    const socket = openSocket(closed);
    const good = follow(socket, KNOWN, {});
    const bad = follow(socket, '{ nodeId }', {});
    expect(await good.end).toBe('completed');
    expect(good.items).toEqual([count.data.agents]);
    await bad.end;
    expect(bad.errors[0]?.extensions).toMatchObject({ code: 'HWINV' });
    await socket.client.dispose();
  });

  test('hides the schema and GraphiQL', async () => {
    const secretive = await startTestApi(db.url, { graphqlIntrospection: false });
    for (const text of [getIntrospectionQuery(), '{ __type(name: "Agent") { name } }']) {
      const { status, errors } = await ask(secretive, text);
      expect(status).toBe(400);
      expect(errors[0]?.extensions.code).toBe('HWINV');
    }
    const { errors } = await ask(secretive, '{ agentz { totalCount } }');
    expect(errors[0]?.message).toBe('Cannot query field "agentz" on type "Query".');
    const guess = await ask(
      secretive,
      'query ($o: [AgentOrderBy!]) { agents(orderBy: $o) { totalCount } }',
      { o: ['NAMES_ASC'] },
    );
    expect(guess.errors[0]?.message).toMatch(/does not exist in "AgentOrderBy" enum\.$/);
    expect((await ask(secretive, '{ __typename }')).errors).toEqual([]);
    for (const path of ['/graphiql', '/graphiql/page.js']) {
      expect((await send(path, {}, secretive)).status).toBe(404);
    }
    await secretive.close();
  });

  test('rejects an unusable list at startup by name', () => {
    const json = join(folder, 'known.json');
    writeFileSync(json, JSON.stringify({ one: '{ nodeId }' }));
    expect(loadOperations(json).find({ id: 'one' })).toBe('{ nodeId }');
    writeFileSync(json, JSON.stringify({ one: '{ nodeId' }));
    for (const path of [json, join(folder, 'none'), tmpdir()]) {
      expect(() => loadOperations(path)).toThrow(expect.objectContaining({ code: 'HWINV' }));
    }
  });
});
