import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import express from 'express';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Handler, Howdah } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { startHowdah } from './start-howdah.ts';

// Limits of a mount: logins, clients that leave, requests outside of the prefix, the shutdown.

const db = testDatabase();
let howdah: Howdah;
let open: Howdah;
let handler: Handler;
beforeAll(async () => {
  howdah = await startHowdah(db.url, { worker: false });
  open = await startHowdah(db.url, { worker: false, auth: 'none' });
  handler = open.handler();
});
afterAll(async () => {
  await Promise.all([howdah?.close(), open?.close()]);
});

test('without a port, requests need a login unless told otherwise; own methods need none', async () => {
  const refused = await howdah.handler()(new Request('http://localhost/api/agents'));
  expect([refused.status, await refused.json()]).toMatchObject([401, { code: 'HWDEN' }]);
  expect(await howdah.call('listAgents')).toHaveProperty('data');
  const local = await handler(new Request('http://localhost/api/agents'));
  expect(local.status).toBe(200);
});

test.each([
  ['a foreign Host', 'http://evil.example/api/agents', {}],
  ['a foreign Origin', 'http://localhost/api/agents', { origin: 'http://evil.example' }],
])('without a login, %s is refused', async (_, url, headers) => {
  expect((await handler(new Request(url, { headers }))).status).toBe(403);
});

test('without a login, a client of another machine is refused whatever it writes', async () => {
  const server = createServer((incoming, response) => {
    Object.defineProperty(incoming.socket, 'remoteAddress', { value: '192.0.2.7' });
    void handler(incoming, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  expect((await fetch(`http://localhost:${port}/api/agents`)).status).toBe(403);
  server.close();
});

test.each([
  ['cancels the body', (body: Response['body']) => body?.cancel(), undefined],
  ['aborts the request', () => {}, new AbortController()],
])('a client that %s ends its stream in the API', async (_, leave, leaving) => {
  const one = { HOWDAH_TENANT_STREAMS: '1', HOWDAH_USER_STREAMS: '1' };
  const limited = await startHowdah(db.url, { worker: false, auth: 'none', env: one });
  const { id } = await limited.call('startSession', { body: { agent: 'development' } });
  const url = `http://localhost/sessions/${id}/stream`; // a stream that does not end by itself
  const stream = (signal?: AbortSignal) =>
    limited.handler()(new Request(url, signal ? { signal } : {}));
  try {
    const first = await stream(leaving?.signal);
    expect(first.status).toBe(200);
    expect((await stream()).status).toBe(429);
    await leave(first.body);
    leaving?.abort();
    await expect.poll(async () => (await stream()).status).toBe(200);
  } finally {
    await limited.close();
  }
});

test('an aborted request rejects with an error and is not answered', async () => {
  const request = new Request('http://localhost/api/agents', { signal: AbortSignal.abort() });
  await expect(handler(request)).rejects.toThrow();
});

test('a path outside of the prefix goes to the next middleware, or is 404', async () => {
  const app = express();
  app.use(open.handler({ prefix: '/howdah' }));
  app.use((_request, response) => void response.send('next'));
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const at = async (path: string) => (await fetch(`http://localhost:${port}${path}`)).text();
  expect(await at('/howdahs/healthz')).toBe('next');
  expect(await at('/howdah/healthz')).toContain('ok');
  server.closeAllConnections();
  server.close();
  const prefixed = open.handler({ prefix: '/howdah/' });
  expect((await prefixed(new Request('http://localhost/other'))).status).toBe(404);
  expect(() => open.handler({ prefix: 'howdah' })).toThrow(
    expect.objectContaining({ code: 'HWINV', detail: { option: 'prefix' } }),
  );
});

test('a body that a parser has read is an error that says so', async () => {
  const app = express();
  app.use(express.json());
  app.use('/howdah', open.handler());
  const server = createServer(app);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const response = await fetch(`http://localhost:${port}/howdah/api/execute`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  expect([response.status, await response.json()]).toMatchObject([
    500,
    { detail: expect.stringContaining('before body parsers') },
  ]);
  server.closeAllConnections();
  server.close();
});

test('a chunked body without a length arrives', async () => {
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"agent": "development", '));
      controller.enqueue(new TextEncoder().encode('"message": "Hi."}'));
      controller.close();
    },
  });
  const init = {
    method: 'POST',
    body,
    duplex: 'half',
    headers: { 'content-type': 'application/json' },
  };
  const response = await handler(new Request('http://localhost/api/execute', init as RequestInit));
  expect(response.status).toBe(202);
});

test('a mount answers 503 once it is closed', async () => {
  const closing = await startHowdah(db.url, { worker: false, auth: 'none' });
  const mounted = closing.handler();
  const stream = await mounted(new Request('http://localhost/api/steps/stream'));
  const text = stream.text();
  await closing.close();
  await text; // ended by the shutdown
  const late = await mounted(new Request('http://localhost/healthz'));
  expect([late.status, late.headers.get('retry-after')]).toEqual([503, '1']);
});
