import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { text } from 'node:stream/consumers';
import express from 'express';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createProcessLogins } from '../../src/api/login/process-logins.ts';
import type { Handler, Howdah, HowdahClient } from '../../src/index.ts';
import { testDatabase } from '../support/database.ts';
import { startHowdah } from './start-howdah.ts';

// A mounted API: logins, limits, disconnected clients, requests outside of its prefix, and
// shutdown.

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

test('without a login, what a proxy passed on to the program is refused', async () => {
  const server = createServer((request, response) => void handler(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const url = `http://localhost:${port}/api/agents`;
  expect((await fetch(url)).status).toBe(200);
  for (const headers of [{ 'x-forwarded-for': '203.0.113.9' }, { via: '1.1 Caddy' }]) {
    expect((await fetch(url, { headers })).status).toBe(403);
    expect((await handler(new Request('http://localhost/api/agents', { headers }))).status).toBe(
      403,
    );
  }
  const socket = connect(port, '127.0.0.1'); // nginx speaks HTTP/1.0 by default
  socket.end(`GET /api/agents HTTP/1.0\r\nHost: localhost:${port}\r\nConnection: close\r\n\r\n`);
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 403 /);
  server.closeAllConnections();
  server.close();
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
  const one = { HOWDAH_TENANT_STREAMS: '1' };
  const limited = await startHowdah(db.url, { worker: false, env: one });
  const { id } = await limited.call('startSession', { body: { agent: 'development' } });
  const path = `/sessions/${id}/stream`; // does not end by itself
  const stream = (signal?: AbortSignal) => limited.open('GET', path, undefined, {}, signal);
  try {
    const first = await stream(leaving?.signal);
    await expect(stream()).rejects.toMatchObject({ code: 'HWQTA' });
    await leave(first.body);
    leaving?.abort();
    await expect.poll(() => stream().then(({ status }) => status, String)).toBe(200);
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

describe('callers that the program names', () => {
  beforeAll(async () => {
    await db.pool.query(`
      insert into howdah.tenants (slug, name) values ('acme', 'Acme');
      insert into howdah.users (tenant_id, username, role)
      select t.id, u.name, u.role::howdah.user_role
      from howdah.tenants as t, (values ('maria', 'member'), ('vic', 'viewer')) as u (name, role)
      where t.slug = 'acme'`);
  });

  const createAgent = (client: HowdahClient, name: string) =>
    client.call('createAgent', { body: { name } });

  test('as() acts for a tenant or a user, with the rights of that user', async () => {
    await createAgent(howdah.as({ tenant: 'acme' }), 'of_acme');
    await expect(
      createAgent(howdah.as({ tenant: 'acme', user: 'vic' }), 'x'),
    ).rejects.toMatchObject({ code: 'HWDEN' });
    const names = async (client: HowdahClient) =>
      (await client.call('listAgents')).data.map(({ name }) => name);
    expect(await names(howdah.as({ tenant: 'acme', user: 'maria' }))).toContain('of_acme');
    expect(await names(howdah)).not.toContain('of_acme');
  });

  test.each([
    ['tenant', { tenant: 'nowhere' }],
    ['user', { tenant: 'acme', user: 'nobody' }],
  ])('an unknown %s is named', async (field, caller) => {
    await expect(howdah.as(caller).call('listAgents')).rejects.toMatchObject({
      code: 'HWNTF',
      detail: { [field]: expect.any(String) },
    });
  });

  test('authenticate() logs in a request; without a caller, its own header counts', async () => {
    const authenticated = howdah.handler({
      authenticate: (request) => {
        const session = (request as Request).headers.get('x-session');
        return session ? { tenant: 'acme', user: session } : undefined;
      },
    });
    const agents = (headers: Record<string, string>) =>
      authenticated(new Request('http://shop.example/api/agents', { headers }));
    expect((await agents({ 'x-session': 'maria', authorization: 'Bearer x' })).status).toBe(200);
    expect((await agents({})).status).toBe(401);
    expect((await agents({ authorization: 'Bearer x' })).status).toBe(401);
    const foreign = { 'x-session': 'maria', origin: 'http://evil.example' };
    expect((await agents(foreign)).status).toBe(403);
  });

  test('a token of one instance is not valid at another', async () => {
    const token = createProcessLogins(randomBytes(64), async () => {
      const { rows } = await db.pool.query(`select id from howdah.tenants where slug = 'acme'`);
      return { tenantId: rows[0].id, userId: undefined, role: 'owner' };
    });
    const headers = { authorization: `Bearer ${await token({})}` };
    const answer = await howdah.handler()(new Request('http://localhost/api/agents', { headers }));
    expect(answer.status).toBe(401);
  });
});

test('without an API, the methods say what is missing', async () => {
  const none = await startHowdah(db.url, { api: false, worker: false });
  await expect(none.createRun({ agent: 'development', message: 'Hi.' })).rejects.toMatchObject({
    code: 'HWCNF',
  });
  expect(() => none.handler()).toThrow(expect.objectContaining({ code: 'HWCNF' }));
  await none.close();
});
