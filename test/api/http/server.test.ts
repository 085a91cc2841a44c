import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeRun } from '../../sql/support.ts';
import {
  createEmptyDatabase,
  createTestDatabase,
  type TestDatabase,
  testDatabase,
} from '../../support/database.ts';
import { driveRun, followSteps, openSocket, startTestApi, until } from '../harness.ts';

const db = testDatabase();
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(db.url);
});

afterAll(async () => {
  await api?.close();
});

type Answer = { status: number; type: string; body: string; location: string | undefined };

/** Sends a request with these headers. `fetch` would overwrite the header `Host`. */
function send(path: string, headers: Record<string, string> = {}, body?: string): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const sent = request(`${api.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers,
  });
  sent.on('error', reject).on('response', async (response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk);
    resolve({
      status: response.statusCode ?? 0,
      type: response.headers['content-type'] ?? '',
      body: Buffer.concat(chunks).toString(),
      location: response.headers.location,
    });
  });
  sent.end(body);
  return promise;
}

const JSON_TYPE = { 'content-type': 'application/json' };
const problemType = expect.stringContaining('application/problem+json');

test('keep-alive exceeds the idle timeouts of load balancers', async () => {
  const response = await fetch(`${api.url}/healthz`);
  expect(response.headers.get('keep-alive')).toBe('timeout=75');
});

describe('paths', () => {
  test('/healthz and /readyz respond', async () => {
    expect(await send('/healthz')).toMatchObject({ status: 200, body: '{"status":"ok"}' });
    expect(await send('/readyz')).toMatchObject({
      status: 200,
      body: expect.stringMatching(/^\{"status":"ready"/),
    });
  });

  test('the console is served at / and GraphiQL beside it', async () => {
    expect(await send('/')).toMatchObject({ status: 200, type: expect.stringContaining('html') });
    const page = await send('/graphiql', { accept: 'text/html' });
    expect(page).toMatchObject({ status: 200, type: expect.stringContaining('text/html') });
    const files = [...page.body.matchAll(/(?:src|href)="([^":]+)"/g)].map(([, path = '']) => path);
    expect(files).toEqual(['graphiql/page.css', 'graphiql/page.js']); // also below a mount
    for (const path of files) expect(await send(`/${path}`)).toMatchObject({ status: 200 });
  });

  test('where introspection is off, the answer names the variable', async () => {
    const closed = await startTestApi(db.url, { graphqlIntrospection: false });
    const response = await fetch(`${closed.url}/graphiql`);
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { code: 'HWNTF', hint: expect.stringContaining('HOWDAH_GRAPHQL_INTROSPECTION=on') },
    ]);
    expect((await fetch(closed.url)).status).toBe(200); // the console has no introspection
    await closed.close();
  });

  test('an unknown path is an RFC 9457 problem', async () => {
    const { status, type, body } = await send('/nothing?here');
    expect({ status, type }).toEqual({ status: 404, type: problemType });
    expect(JSON.parse(body)).toEqual({
      type: 'about:blank',
      title: 'Not Found',
      status: 404,
      detail: 'GET /nothing does not exist.',
      code: 'HWNTF',
      hint: 'See /docs for the list of paths.',
    });
  });

  test('GraphQL is rejected as a form, as plain text and by GET', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(await send('/graphql', form, 'query={nodeId}')).toMatchObject({ status: 415 });
    const text = { 'content-type': 'text/plain' };
    expect(await send('/graphql', text, '{"query":"{nodeId}"}')).toMatchObject({ status: 415 });
    const mutation = encodeURIComponent(
      'mutation{createSession(input:{session:{}}){query{nodeId}}}',
    );
    expect(await send(`/graphql?query=${mutation}`)).toMatchObject({ status: 405 });
    expect(await send('/graphql', JSON_TYPE, '[{"query":"{nodeId}"}]')).toMatchObject({
      status: 400,
    });
    expect(await send('/graphql', JSON_TYPE, '{"query":')).toMatchObject({ status: 400 });
    expect(await send('/graphql', JSON_TYPE, `"${'x'.repeat(5_000_000)}"`)).toMatchObject({
      status: 413,
    });
  });
});

describe('without a login, only local hosts and origins are accepted', () => {
  test.each([
    ['Host', { host: 'evil.example' }],
    ['Host with the server’s own port', { host: 'evil.example:8000' }],
    ['Host that starts like the server’s own', { host: 'localhost.evil.example' }],
    ['Origin', { origin: 'https://evil.example' }],
    ['Origin of a sandboxed page', { origin: 'null' }],
  ])('a foreign %s is rejected', async (_what, headers: Record<string, string>) => {
    for (const path of ['/healthz', '/graphiql', '/nothing']) {
      expect(await send(path, headers)).toMatchObject({ status: 403, type: problemType });
    }
    const query = '{"query":"{nodeId}"}';
    expect(await send('/graphql', { ...JSON_TYPE, ...headers }, query)).toMatchObject({
      status: 403,
    });
    expect(await handshake('/graphql', headers)).toBe(403);
  });

  test.each(['localhost:3000', '127.0.0.1', '[::1]:8000'])('%s is local', async (host) => {
    expect(await send('/healthz', { host, origin: `http://${host}` })).toMatchObject({
      status: 200,
    });
    expect(await handshake('/graphql', { host, origin: `http://${host}` })).toBe(101);
  });

  test('a WebSocket on another path is 404', async () => {
    expect(await handshake('/nothing', {})).toBe(404);
  });

  /** Returns the status of the response to a WebSocket handshake. */
  function handshake(path: string, headers: Record<string, string>): Promise<number> {
    const { promise, resolve } = Promise.withResolvers<number>();
    const socket = new WebSocket(
      `${api.url.replace('http', 'ws')}${path}`,
      'graphql-transport-ws',
      { headers },
    );
    socket.on('open', () => resolve(101));
    socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
    socket.on('error', () => {});
    return promise.finally(() => socket.terminate());
  }
});

describe('startup', () => {
  test('reports a port in use with a fix', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as AddressInfo;
    const { pool, url, drop } = await createTestDatabase();
    await expect(startTestApi(url, { port })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: `port ${port} of 127.0.0.1 is in use`,
      hint: expect.stringContaining('PORT='),
    });
    await until(async () => (await connectionsOf({ pool })).length === 0);
    other.close();
    await drop();
  });

  test('rejects a required login without a key, with a fix', async () => {
    await expect(startTestApi(db.url, { host: '0.0.0.0', auth: 'required' })).rejects.toMatchObject(
      { code: 'HWDEN', hint: expect.stringContaining('openssl rand -base64 48') },
    );
  });

  test('rejects a database that is not migrated', async () => {
    const empty = await createEmptyDatabase();
    await expect(startTestApi(empty.url)).rejects.toMatchObject({
      code: 'HWCNF',
      hint: expect.stringContaining('migrate'),
    });
    await empty.drop();
  });

  test('without a login, a missing default tenant is named, with the way out', async () => {
    const own = await createTestDatabase();
    await own.pool.query(`update howdah.tenants set slug = 'other' where slug = 'default'`);
    await expect(startTestApi(own.url)).rejects.toMatchObject({
      code: 'HWCNF',
      message: `the tenant with the slug 'default' does not exist`,
      hint: expect.stringContaining('insert into howdah.tenants'),
    });
    await own.drop();
  });
});

test('without its database, the API is not ready but alive', async () => {
  const gone = await createTestDatabase();
  const lonely = await startTestApi(gone.url);
  await gone.drop();
  const ready = await fetch(`${lonely.url}/readyz`);
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({
    detail: expect.stringContaining('cannot be reached'),
  });
  expect((await fetch(`${lonely.url}/healthz`)).status).toBe(200);
  await lonely.close();
});

test('closing notifies subscribers and leaves no connection open', async () => {
  const own = await createTestDatabase();
  const closing = await startTestApi(own.url);
  const id = await makeRun(own.pool);
  const run = await driveRun(own.pool, id);
  const socket = openSocket(closing);
  const followed = followSteps(socket, id);
  await run.steps(1);
  await until(() => followed.items.length === 1);
  expect(new Set(await connectionsOf(own))).toEqual(
    new Set(['howdah-api', 'howdah-listen', 'howdah-login']),
  );
  await closing.close();
  expect(await socket.closed).toBe(1001);
  expect(await followed.end).toBe('cut');
  const { rows } = await own.pool.query('select 1 from howdah_private.watchers');
  expect(rows).toEqual([]);
  await until(async () => (await connectionsOf(own)).length === 0);
  await expect(fetch(closing.url)).rejects.toThrow();
  await own.drop();
});

/** Counts the open connections of an API. */
async function connectionsOf({ pool }: Pick<TestDatabase, 'pool'>): Promise<string[]> {
  const { rows } = await pool.query(
    `select application_name from pg_stat_activity
     where datname = current_database() and application_name like 'howdah-%' order by 1`,
  );
  return rows.map(({ application_name }) => application_name);
}
