import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import WebSocket from 'ws';
import type { ApiServer } from '../../../src/api/server.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

const APP = 'https://app.example';
const EVIL = 'https://evil.example';
const db = testDatabase();
let api: ApiServer;
let token: string;

beforeAll(async () => {
  api = await startTestApi(db.url, {
    ...tokenOptions,
    corsOrigins: [APP, 'http://localhost:3000'],
  });
  token = await tokenFor(await makePerson(db.pool, 'ada'));
});

afterAll(async () => {
  await api?.close();
});

const post = (origin: string, to = api, authorization = `Bearer ${token}`) =>
  fetch(`${to.url}/graphql`, {
    method: 'POST',
    headers: {
      origin,
      'content-type': 'application/json',
      ...(authorization && { authorization }),
    },
    body: '{"query":"{nodeId}"}',
  });

const preflight = (origin: string, to = api) =>
  fetch(`${to.url}/graphql`, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,content-type',
    },
  });

const allowed = (response: Response) => response.headers.get('access-control-allow-origin');

describe('with a login', () => {
  test('a listed Origin passes the preflight and may read the answer', async () => {
    const before = await preflight(APP);
    expect(before.status).toBe(204);
    expect(Object.fromEntries(before.headers)).toMatchObject({
      'access-control-allow-origin': APP,
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers':
        'Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Last-Event-ID, X-Howdah-LSN, Mcp-Session-Id, Mcp-Protocol-Version, Mcp-Method, Mcp-Name, A2A-Version, X-Howdah-On-Disconnect',
      'access-control-max-age': '600',
      vary: 'Origin',
    });
    expect(before.headers.has('access-control-allow-credentials')).toBe(false);
    const after = await post(APP);
    expect({ status: after.status, allowed: allowed(after) }).toEqual({
      status: 200,
      allowed: APP,
    });
    expect(after.headers.get('vary')).toContain('Origin');
  });

  test('a listed Origin may read a rejection', async () => {
    const response = await post(APP, api, '');
    expect({ status: response.status, allowed: allowed(response) }).toEqual({
      status: 401,
      allowed: APP,
    });
    expect(response.headers.get('access-control-expose-headers')).toContain('WWW-Authenticate');
  });

  test.each([
    EVIL,
    'null',
    'https://app.example.evil.example',
    'http://app.example',
    `${APP}:8443`,
  ])('Origin %s is rejected, even with a valid token', async (origin) => {
    for (const response of [await preflight(origin), await post(origin)]) {
      expect({ status: response.status, allowed: allowed(response) }).toEqual({
        status: 403,
        allowed: null,
      });
      expect(await response.json()).toMatchObject({
        code: 'HWDEN',
        detail: expect.stringContaining('HOWDAH_CORS_ORIGINS'),
      });
    }
    expect(await handshake(origin)).toBe(403);
    expect(await handshake(origin, {}, '/ws')).toBe(403);
  });

  test('a foreign Origin gets an OpenAI error at the OpenAI endpoint', async () => {
    const response = await fetch(`${api.url}/v1/models`, { headers: { origin: EVIL } });
    expect(response.status).toBe(403);
    expect(await response.json()).toEqual({
      error: {
        message: expect.stringContaining('HOWDAH_CORS_ORIGINS'),
        type: 'permission_error',
        param: null,
        code: 'HWDEN',
      },
    });
  });

  test('the API accepts its own origin under any host name', async () => {
    const response = await post(api.url);
    expect({ status: response.status, allowed: allowed(response) }).toEqual({
      status: 200,
      allowed: null,
    });
    expect(await handshake(api.url)).toBe(101);
    expect(await handshake('https://howdah.example', { host: 'howdah.example' })).toBe(101);
    expect(await handshake(EVIL, { host: 'howdah.example' })).toBe(403);
  });

  test('a listed Origin may open a WebSocket', async () => {
    expect(await handshake(APP)).toBe(101);
    expect(await handshake(APP, {}, '/ws')).toBe(101);
  });
});

test('without a login, the list admits only local pages', async () => {
  const corsOrigins = [APP, 'http://localhost:3000'];
  const open = await startTestApi(db.url, { corsOrigins });
  expect((await preflight(APP, open)).status).toBe(403);
  expect((await post(APP, open, '')).status).toBe(403);
  expect(allowed(await preflight('http://localhost:3000', open))).toBe('http://localhost:3000');
  expect(allowed(await post('http://localhost:3000', open, ''))).toBe('http://localhost:3000');
  expect(allowed(await preflight('http://localhost:4000', open))).toBe(null);
  for (const path of ['/graphql', '/ws']) {
    expect(await handshake('http://localhost:4000', {}, path, open)).toBe(403);
    expect(await handshake('http://localhost:3000', {}, path, open)).toBe(101);
    expect(await handshake(open.url, {}, path, open)).toBe(101);
    expect(await handshake(`http://localhost:${open.port}`, {}, path, open)).toBe(101);
  }
  await open.close();
});

/** Returns the status of the response to a WebSocket handshake. */
function handshake(
  origin: string,
  headers: Record<string, string> = {},
  path = '/graphql',
  to = api,
): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  const url = `${to.url.replace('http', 'ws')}${path}`;
  const socket = new WebSocket(url, 'graphql-transport-ws', { headers: { origin, ...headers } });
  socket.on('open', () => resolve(101));
  socket.on('unexpected-response', (_request, response) => resolve(response.statusCode ?? 0));
  socket.on('error', () => {});
  return promise.finally(() => socket.terminate());
}
