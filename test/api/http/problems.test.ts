import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../../src/api/server.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';

let db: TestDatabase;
let api: ApiServer;
const printed = vi.spyOn(console, 'error').mockImplementation(() => {});

beforeAll(async () => {
  db = await createTestDatabase();
  api = await startTestApi(db.url);
});
afterAll(async () => {
  await api?.close();
  await db?.drop();
  expect(printed).not.toHaveBeenCalled();
});

/** Returns all data that a client receives until the server closes the connection. */
function raw(bytes: string | Buffer): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(bytes);
  return new Promise((resolve) => {
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

const ask = (line: string, headers = '', body = '') =>
  raw(
    `${line} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n${headers}${
      body && `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n`
    }\r\n${body}`,
  );
const upgrade = (line: string, headers = '') =>
  raw(
    `${line} HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n${headers}\r\n`,
  );
const KEY = 'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n';
const GOOD = '{"query":"{nodeId}"}';

test.each(['/mcp', '/api/execute', '/v1/chat/completions', '/v1/responses', '/graphql'])(
  '%s rejects a body nested 200,000 deep and states the maximum depth',
  async (path) => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    const input = `{"agent":"assistant","message":"Hello","input_data":${deep}}`;
    const call = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"assistant","arguments":${input}}}`;
    const answer = await ask(
      `POST ${path}`,
      'accept: application/json\r\n',
      path === '/mcp' ? call : input,
    );
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
    expect(answer).toContain('HWINV');
    expect(answer).toContain('nested more than 100 levels deep');
  },
);

describe('every error outside GraphQL is a problem with a code', () => {
  test.each<[number, string, string, () => Promise<string>]>([
    [404, 'HWNTF', 'an unknown path', () => ask('GET /nothing')],
    [404, 'HWNTF', 'an extra slash', () => ask('POST /graphql/', '', GOOD)],
    [404, 'HWNTF', 'an unknown path with an invalid body', () => ask('POST /no', '', '{')],
    [404, 'HWNTF', 'a path of 20 kB', () => ask(`GET /${'a'.repeat(20_000)}`)],
    [404, 'HWNTF', 'no path', () => ask('OPTIONS *')],
    [400, 'HWINV', 'a path that is not UTF-8', () => ask('GET /%ff')],
    [400, 'HWINV', 'an incomplete percent escape', () => ask('GET /%')],
    [405, 'HWINV', 'an unsupported method', () => ask('POST /healthz', '', '{')],
    [405, 'HWINV', 'a WebDAV method', () => ask('PROPFIND /healthz')],
    [405, 'HWINV', 'GraphQL by GET', () => ask('GET /graphql?query=%ff')],
    [405, 'HWINV', 'a POST to GraphiQL', () => ask('POST /graphiql', '', '{}')],
    [404, 'HWNTF', 'a missing file', () => ask('GET /graphiql/%ff')],
    [404, 'HWNTF', 'a path traversal', () => ask('GET /graphiql/..%2f..%2fpackage.json')],
    [
      406,
      'HWINV',
      'HTML requested from GraphQL',
      () => ask('POST /graphql', 'accept: text/html\r\n', GOOD),
    ],
    [413, 'HWINV', 'a body of 5 MB', () => ask('POST /graphql', '', `"${'x'.repeat(5_000_000)}"`)],
    [
      417,
      'HWINV',
      'an unsupported Expect header',
      () => ask('POST /graphql', 'expect: more\r\n', GOOD),
    ],
    [405, 'HWINV', 'a CONNECT tunnel', () => ask('CONNECT example.com:80')],
    [
      400,
      'HWINV',
      'a missing Host header',
      () => raw('GET /healthz HTTP/1.1\r\nconnection: close\r\n\r\n'),
    ],
    [400, 'HWINV', 'an unknown method', () => ask('FROBNICATE /')],
    [404, 'HWNTF', 'a WebSocket at an unknown path', () => upgrade('GET /nothing', KEY)],
    [400, 'HWINV', 'a WebSocket without a key', () => upgrade('GET /graphql')],
    [400, 'HWINV', 'a WebSocket without a version', () => upgrade('GET /graphql', KEY)],
    [405, 'HWINV', 'a WebSocket by POST', () => upgrade('POST /graphql', KEY)],
  ])('%i %s for %s', async (status, code, _what, send) => {
    const answer = await send();
    const [head = '', body = ''] = answer.split('\r\n\r\n');
    expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
    expect(head.toLowerCase()).toContain('content-type: application/problem+json');
    const problem = JSON.parse(body);
    expect(problem).toMatchObject({
      type: 'about:blank',
      title: expect.any(String),
      status,
      detail: expect.any(String),
      code,
    });
    expect(problem.detail.length).toBeLessThan(300);
  });

  test('a client that offers HTTP/2 gets HTTP/1.1', async () => {
    const line = 'GET /healthz HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade, close\r\n';
    expect(await raw(`${line}upgrade: h2c\r\n\r\n`)).toMatch(/^HTTP\/1.1 200 /);
  });
});

test('every GraphQL error has a code and hides how its status was determined', async () => {
  for (const body of [
    { documentId: 'a\nb' },
    { documentId: 1 },
    { query: '{ nodeId }', onError: 'never' },
    { query: '{ nope }' },
    { query: '{ nodeId }', operationName: 'a\nb' },
    { query: 'query ($a: Int) { nodeId }', variables: { a: '\0' } },
  ]) {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { extensions: object }[] };
    for (const { extensions } of errors) {
      expect(extensions).toMatchObject({ code: 'HWINV' });
      expect(extensions).not.toHaveProperty('statusCode');
    }
  }
});

test.each<[number, string, (string | Buffer)[]]>([
  [1009, 'a frame of 5 MB', ['{"type":"connection_init"}', 'x'.repeat(5_000_000)]],
  [1009, 'a frame of 5 MB before the connection_init', ['x'.repeat(5_000_000)]],
  [4400, 'invalid JSON', ['{"type":"connection_init"}', 'junk']],
  [4400, 'a binary frame', [Buffer.from([0, 255, 1])]],
  [4400, 'a duplicate name', ['{"type":"connection_init","type":"ping"}']],
  [
    4400,
    'lists nested too deep',
    [`{"type":"ping","payload":{"a":${'['.repeat(200)}${']'.repeat(200)}}}`],
  ],
  [
    4400,
    'too many names',
    [`{"type":"ping","payload":{${Array.from({ length: 1_000 }, (_, i) => `"k${i}":1`)},"k1":2}}`],
  ],
  [
    1009,
    '20 KB before the login',
    [`{"type":"connection_init","payload":{"a":"${'x'.repeat(20_000)}"}}`],
  ],
  [4429, 'a second connection_init', ['{"type":"connection_init"}', '{"type":"connection_init"}']],
])('a WebSocket closes with %i for %s without printing anything', async (code, _what, frames) => {
  const socket = new WebSocket(`${api.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const { promise, resolve } = Promise.withResolvers<number>();
  socket.on('close', resolve);
  socket.on('error', () => {});
  socket.on('open', () => {
    for (const frame of frames) socket.send(frame);
  });
  expect(await promise).toBe(code);
  expect(printed).not.toHaveBeenCalled();
});

test('a frame of invalid UTF-8 prints nothing', async () => {
  const frame = Buffer.from([0x81, 0x81, 0, 0, 0, 0, 0xff]);
  const head = `GET /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: upgrade\r\nupgrade: websocket\r\n${KEY}sec-websocket-version: 13\r\nsec-websocket-protocol: graphql-transport-ws\r\n\r\n`;
  const closing = Buffer.from([0x88, 0x80, 0, 0, 0, 0]);
  expect(await raw(Buffer.concat([Buffer.from(head), frame, closing]))).toMatch(/^HTTP\/1.1 101 /);
});
