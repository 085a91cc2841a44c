import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from 'graphql-ws';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import { createApp as createExpressApp } from '../../examples/express/app.ts';
import { createApp as createFastifyApp } from '../../examples/fastify/app.ts';
import { createApp as createHonoApp } from '../../examples/hono/app.ts';
import * as nextRoute from '../../examples/next/app/api/howdah/[...path]/route.ts';
import { connect, type Howdah } from '../../src/index.ts';
import { makeAgent } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { startHowdah } from './start-howdah.ts';

// The API mounted in the servers of web frameworks, as the examples show.

const db = testDatabase();
let howdah: Howdah;
let agent: string;
const servers: Server[] = [];
const fastifyApps: { close(): Promise<unknown> }[] = [];

beforeAll(async () => {
  howdah = await startHowdah(db.url, { auth: 'none' });
  const id = await makeAgent(db.pool, { script: [{ content: 'Mounted.' }] });
  agent = (await one(db.pool, 'select name from howdah.agents where id = $1', [id])).name as string;
});
afterAll(async () => {
  for (const server of servers) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
  for (const app of fastifyApps) await app.close();
  await howdah?.close();
});

function listen(server: Server): Promise<string> {
  servers.push(server);
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () =>
      resolve(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    );
  });
}

type Mount = { url: string; fetch: typeof fetch };
type FetchHandler = (request: Request) => Response | Promise<Response>;
const local = (url: string, handle: FetchHandler): Mount => ({
  url,
  fetch: async (input, init) => handle(new Request(input, init)),
});

const mounts: Record<string, () => Promise<Mount>> = {
  async Express() {
    const server = createServer(createExpressApp(howdah));
    return { url: `${await listen(server)}/howdah`, fetch };
  },
  async Fastify() {
    const app = createFastifyApp(howdah);
    fastifyApps.push(app);
    return { url: `${await app.listen({ port: 0, host: '127.0.0.1' })}/howdah`, fetch };
  },
  async Hono() {
    return local('http://localhost/howdah', createHonoApp(howdah).fetch);
  },
  async 'Next.js'() {
    (globalThis as { howdah?: unknown }).howdah = Promise.resolve(howdah);
    const routes = nextRoute as unknown as Record<string, FetchHandler>;
    return local('http://localhost/api/howdah', (request) =>
      (routes[request.method] as FetchHandler)(request),
    );
  },
  async 'a plain Node server'() {
    const server = createServer(howdah.handler({ prefix: '/agents' }));
    return { url: `${await listen(server)}/agents`, fetch };
  },
};

describe.each(Object.keys(mounts))('in %s', (name) => {
  let mount: Mount;
  beforeAll(async () => {
    mount = await (mounts[name] as () => Promise<Mount>)();
  });

  test('a run is created by REST and streamed by SSE', async () => {
    const client = connect(mount.url, { fetch: mount.fetch });
    const { execution_id } = await client.createRun({ agent, message: 'Hi.' });
    const events = [];
    for await (const { event } of client.stream(execution_id)) events.push(event);
    expect(events.filter((event) => event !== 'token')).toEqual(['thought', 'complete']);
    expect((await client.waitFor(execution_id)).output).toBe('Mounted.');
  });

  test('paths in responses have the prefix, and errors pass unchanged', async () => {
    const created = await mount.fetch(`${mount.url}/api/execute`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ agent, message: 'Hi.' }),
    });
    expect(created.status).toBe(202);
    const location = created.headers.get('location') ?? '';
    expect(location).toContain(new URL(mount.url).pathname);
    const row = await mount.fetch(new URL(location, mount.url));
    expect(await row.json()).toHaveProperty('status');
    const missing = await mount.fetch(`${mount.url}/api/nothing`);
    expect([missing.status, await missing.json()]).toMatchObject([404, { code: 'HWNTF' }]);
  });

  test('GraphQL and the page of the API answer', async () => {
    const graphql = await mount.fetch(`${mount.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ agents { totalCount } }' }),
    });
    const { data } = (await graphql.json()) as { data: { agents: { totalCount: number } } };
    expect(data.agents.totalCount).toBeGreaterThan(0);
    const page = await mount.fetch(`${mount.url}/docs`);
    expect(page.headers.get('content-type')).toContain('text/html');
    expect(await page.text()).toContain('href="openapi.json"');
  });

  test('GraphiQL loads its files and its endpoint from below the mount', async () => {
    const place = new URL(`${mount.url}/graphiql`);
    const page = await (await mount.fetch(place)).text();
    const files = [...page.matchAll(/(?:src|href)="([^":]+)"/g)].map(([, path = '']) => path);
    expect(files).toHaveLength(2);
    for (const file of files) {
      expect((await mount.fetch(new URL(file, place))).status, file).toBe(200);
    }
    const script = files.find((file) => file.endsWith('.js')) ?? '';
    const code = await (await mount.fetch(new URL(script, place))).text();
    expect(code).toMatch(/new URL\([`"']graphql[`"'],\s*location\.href\)/);
  });

  test('the console loads its files from below the mount, also without a slash', async () => {
    const root = new URL(`${mount.url}/`).pathname;
    const routed = { 'Next.js': ['/runs'], Fastify: ['/', '/runs'] }[name]; // as the examples route
    const pages = routed ?? ['', '/', '/runs', '/runs/one/2'];
    for (const path of pages) {
      const page = await (await mount.fetch(`${mount.url}${path}`)).text();
      const files = [...page.matchAll(/(?:src|href)="([^":]+)"/g)].map(([, file = '']) => file);
      expect(files).toHaveLength(2);
      for (const file of files) {
        expect(file.startsWith(`${root}console/`), file).toBe(true);
        expect((await mount.fetch(new URL(file, mount.url))).status, file).toBe(200);
      }
    }
  });

  test('a body beyond the limit is refused, and a large one within it is taken', async () => {
    const send = (length: number) =>
      mount.fetch(`${mount.url}/api/execute`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ agent, message: 'x'.repeat(length) }),
      });
    expect((await send(200_000)).status).toBe(202);
    expect((await send(30_000_000).catch(() => ({ status: 413 }))).status).toBe(413);
  });
});

test('in Express, the own route of the example runs an agent', async () => {
  const url = await listen(createServer(createExpressApp(howdah)));
  const response = await fetch(`${url}/answers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ agent, question: 'Hi.' }),
  });
  expect(await response.json()).toEqual({ output: 'Mounted.' });
});

test('WebSockets below the prefix reach the API, and others their own listeners', async () => {
  const server = createServer();
  const detach = howdah.attach(server, { prefix: '/howdah' });
  server.on('upgrade', ({ url }, socket) => {
    if (url === '/own') socket.end('HTTP/1.1 418 Own\r\ncontent-length: 0\r\n\r\n');
  });
  const url = (await listen(server)).replace('http', 'ws');
  const client = createClient({ url: `${url}/howdah/graphql`, webSocketImpl: WebSocket });
  const { execution_id: id } = await howdah.createRun({ agent, message: 'Hi.' });
  const outputs = [];
  const query = `subscription { executionUpdated(id: "${id}") { output } }`;
  for await (const { data } of client.iterate({ query })) outputs.push(data?.executionUpdated);
  expect(outputs.at(-1)).toEqual({ output: 'Mounted.' });
  await client.dispose();
  const own = new WebSocket(`${url}/own`);
  const status = await new Promise((resolve) => {
    own.once('unexpected-response', (_request, response) => resolve(response.statusCode));
  });
  expect(status).toBe(418);
  detach();
  expect(server.listenerCount('upgrade')).toBe(1);
});
