import { channel } from 'node:diagnostics_channel';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../../src/api/server.ts';
import { figuresOn } from '../../../src/db/operations/metric-queries.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';

// An API without a login behind a proxy that replaces Host by the address of the API, as nginx does
// by default. No endpoint may answer, whether a route serves it or not.

const db = testDatabase();
let api: ApiServer;
const endpoints = new Set([
  'GET /graphiql',
  'GET /graphiql/page.js',
  'GET /graphql',
  'POST /graphql',
  'GET /mcp',
  'POST /mcp',
  'DELETE /mcp',
  'GET /metrics',
  'GET /ws',
  'GET /unknown',
  'OPTIONS /api/agents',
]);

const note = (published: unknown) => {
  const { fastify } = published as { fastify: FastifyInstance };
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) endpoints.add(`${one} ${url}`);
  });
};

beforeAll(async () => {
  const made = channel('fastify.initialization');
  made.subscribe(note);
  try {
    api = await startTestApi(db.url, { metrics: createMetrics(figuresOn(db.pool)) });
  } finally {
    made.unsubscribe(note);
  }
});
afterAll(async () => {
  await api?.close();
});

const paths = () =>
  [...endpoints].map((one) => {
    const [method = '', url = ''] = one.split(' ');
    return { method, path: url.replaceAll(/:\w+|\*/g, 'x') };
  });

test('every endpoint rejects a request with a header of a proxy', async () => {
  expect(endpoints.size).toBeGreaterThan(200);
  for (const { method, path } of paths()) {
    if (path.startsWith('/hooks/')) continue; // signed, and open to everybody
    const body = ['POST', 'PUT', 'PATCH'].includes(method) ? {} : undefined;
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    const answer = await call(api, method, path, body, { headers });
    expect(answer.status, `${method} ${path}`).toBe(403);
    expect(JSON.stringify(answer.body)).toContain(method === 'HEAD' ? '' : 'x-forwarded-for');
  }
});

test('every endpoint rejects a request in HTTP/1.0', async () => {
  for (const { method, path } of paths()) {
    if (path.startsWith('/hooks/')) continue;
    expect(await sendPlain(`${method} ${path} HTTP/1.0`), `${method} ${path}`).toContain(' 403 ');
  }
});

test.each([
  ['two Host lines', '/api/agents', ['Host: 127.0.0.1', 'Host: evil.example'], ' 403 '],
  ['two equal Host lines', '/api/agents', ['Host: 127.0.0.1', 'Host: 127.0.0.1'], ' 403 '],
  ['more in Host', '/api/agents', ['Host: 127.0.0.1/.evil.example'], ' 403 '],
  ['the URL of another host', 'http://evil.example/api/agents', ['Host: 127.0.0.1'], ' 403 '],
  ['the URL of another port', 'http://127.0.0.1:9/api/agents', ['Host: 127.0.0.1'], ' 403 '],
  ['its own URL', 'http://127.0.0.1/api/agents', ['Host: 127.0.0.1'], ' 200 '],
])('a request with %s: %s', async (_what, target, hosts, status) => {
  expect(await sendPlain(`GET ${target} HTTP/1.1`, hosts)).toContain(status);
});

/** Sends a request without a body as nginx does by default, and returns the first line. */
async function sendPlain(
  requestLine: string,
  hosts = [`Host: 127.0.0.1:${api.port}`],
): Promise<string> {
  const socket = connect(api.port, '127.0.0.1');
  const lines = [requestLine, ...hosts, 'Connection: close', '', ''];
  socket.write(lines.join('\r\n'));
  const [first = ''] = (await text(socket)).split('\r\n');
  return first;
}

test.each(['/graphql', '/ws'])('a WebSocket at %s is rejected', async (path) => {
  const handshake = (headers: Record<string, string>) => {
    const { promise, resolve } = Promise.withResolvers<number>();
    const url = `${api.url.replace('http', 'ws')}${path}`;
    const socket = new WebSocket(url, 'graphql-transport-ws', { headers });
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('error', () => {});
    return promise.finally(() => socket.terminate());
  };
  expect(await handshake({ via: '1.1 Caddy' })).toBe(403);
  expect(await handshake({ 'x-real-ip': '203.0.113.9' })).toBe(403);
  expect(await handshake({})).toBe(101);
});
