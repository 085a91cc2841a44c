import { channel } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restRoutes } from '../../../src/api/rest/rest-routes.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { figuresOn } from '../../../src/db/operations/metric-queries.ts';
import { createMetrics } from '../../../src/telemetry/metrics.ts';
import { all } from '../../sql/support.ts';
import { MARK, makeTwoTenants } from '../../sql/two-tenants.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

// Lists every route of the server, as the server reports them. test/api/rest/isolation.test.ts
// covers the routes of the REST table; this file covers all others. A new endpoint that is in
// neither list fails the test. Protected endpoints are requested as another tenant.

/** The pages and files of the console, which contain no data. */
const CONSOLE = [
  'GET /',
  'GET /agents',
  'GET /agents/*',
  'GET /chat',
  'GET /chat/*',
  'GET /console/:file',
  'GET /costs',
  'GET /datasets',
  'GET /datasets/*',
  'GET /definitions/*',
  'GET /evaluations',
  'GET /evaluations/*',
  'GET /inbox',
  'GET /inbox/*',
  'GET /knowledge',
  'GET /knowledge/*',
  'GET /login',
  'GET /login/callback',
  'GET /playground',
  'GET /quality',
  'GET /runs',
  'GET /runs/*',
  'GET /system',
  'GET /system/*',
  'GET /workflows',
  'GET /workflows/*',
];

/**
 * Endpoints without a login. They return no data of users, unless the path itself contains the
 * proof of access.
 */
const OPEN = [
  'GET /docs',
  'GET /docs/reference',
  'GET /docs/reference/scalar.js',
  'GET /healthz',
  ...CONSOLE,
  // the login of the console: test/api/oidc
  'GET /login/oidc',
  'POST /login/oidc/finish',
  'POST /login/oidc/start',
  // verified by signature: test/api/inbound
  'POST /hooks/:name',
  'POST /hooks/:tenant/:name',
  'GET /oauth/callback',
  'GET /oauth/connect/:link',
  'GET /oauth/connect/:link/continue',
  'GET /openapi.json',
  'GET /readyz',
  'GET /schemas/agent-system.v1.json',
];

type Named = { name: string; id: string };
/** A request to an endpoint. `agent` replaces the agent name in the path. */
type Request = { body?: object; agent?: string };
const user = (content: string) => ({ id: '1', role: 'user', content });
const message = {
  role: 'user',
  kind: 'message',
  messageId: 'm',
  parts: [{ kind: 'text', text: 'x' }],
};
const configuration = { blocking: false };
const rpc = (method: string, params: object) => ({ jsonrpc: '2.0', id: 1, method, params });

/** Requests of another tenant to each protected endpoint, with an agent name and any id. */
const REQUESTS: Record<string, (named: Named) => Request[]> = {
  'GET /.well-known/agent-card.json': () => [{}],
  'GET /a2a/:agent/.well-known/agent-card.json': () => [{}],
  'POST /a2a/:agent': ({ id }) => [
    { body: rpc('message/send', { message }) },
    { body: rpc('message/stream', { message }) },
    ...[
      rpc('message/send', { message: { ...message, taskId: id } }),
      rpc('message/send', { message: { ...message, contextId: id }, configuration }),
      rpc('tasks/get', { id }),
      rpc('tasks/cancel', { id }),
      rpc('tasks/resubscribe', { id }),
    ].map((body) => ({ body, agent: 'development' })),
  ],
  'POST /ag-ui/agents/:agent': ({ id }) => [
    { body: { threadId: id, runId: id, messages: [user('x')], tools: [], context: [] } },
  ],
  'POST /api/chat': ({ name, id }) => {
    const requestOf = (id: string, part: object, more: object = {}) => ({
      body: { id, messages: [{ id: 'm', role: 'assistant', parts: [part] }], ...more },
    });
    const approval = {
      type: 'dynamic-tool',
      state: 'approval-responded',
      approval: { id, approved: true },
    };
    const text = { type: 'text', text: 'x' };
    return [
      { body: { id, agent: name, messages: [{ id: 'm', role: 'user', parts: [text] }] } },
      requestOf(id, approval),
      requestOf('c', approval),
      requestOf(id, text, { trigger: 'regenerate-message' }),
      requestOf('c', text, { trigger: 'regenerate-message', messageId: id }),
    ];
  },
  'GET /api/chat/:id/stream': () => [{}],
  'DELETE /api/chat/:id/stream': () => [{}],
  'POST /v1/chat/completions': ({ name }) => [{ body: { model: name, messages: [user('x')] } }],
  'POST /v1/responses': ({ name, id }) => [
    { body: { model: name, input: 'x' } },
    ...[`resp_${id.replaceAll('-', '')}`, id].map((previous_response_id) => ({
      body: { model: 'development', input: 'x', previous_response_id },
    })),
  ],
  'GET /v1/models': () => [{}],
  'GET /v1/models/*': () => [{}],
};

const db = testDatabase();
let api: ApiServer;
let token: string;
let theirs: string[];
const found = new Set<string>();

const note = (published: unknown) => {
  const { fastify } = published as { fastify: FastifyInstance };
  fastify.addHook('onRoute', ({ method, url }) => {
    for (const one of [method].flat()) if (one !== 'HEAD') found.add(`${one} ${url}`);
  });
};

beforeAll(async () => {
  const { a, b } = await makeTwoTenants(db.pool);
  const made = channel('fastify.initialization');
  made.subscribe(note);
  try {
    const metrics = createMetrics(figuresOn(db.pool));
    api = await startTestApi(db.url, { ...tokenOptions, metrics });
  } finally {
    made.unsubscribe(note);
  }
  token = await tokenFor(
    { sub: 'a', tenant_id: a, user_id: '' },
    { user_id: undefined, role: 'owner' },
  );
  const ids = await all(
    db.pool,
    `(select id::uuid::text as id from howdah.executions where tenant_id = $1 limit 3)
     union all (select id::text from howdah.sessions where tenant_id = $1 limit 2)
     union all (select id::text from howdah.agents where tenant_id = $1 limit 2)`,
    [b],
  );
  theirs = ids.map(({ id }) => id);
});
afterAll(async () => {
  await api?.close();
});

const ofTable = () =>
  restRoutes.map(({ method, path }) => `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`);

test('every route is listed in this test', () => {
  expect([...found].sort()).toEqual([...OPEN, ...ofTable(), ...Object.keys(REQUESTS)].sort());
});

/** Endpoints that `/openapi.json` omits: pages, schemas and the document itself. */
const UNDESCRIBED = [
  ...CONSOLE,
  'GET /docs',
  'GET /docs/reference',
  'GET /docs/reference/scalar.js',
  'GET /login/oidc',
  'GET /oauth/callback',
  'GET /oauth/connect/:link',
  'GET /oauth/connect/:link/continue',
  'GET /openapi.json',
  'GET /schemas/agent-system.v1.json',
  'POST /login/oidc/finish',
  'POST /login/oidc/start',
];
/** Described endpoints without a route: separate handlers serve them before the routes. */
const UNROUTED = ['GET /metrics', 'GET /ws', 'POST /graphql', 'POST /mcp'];

test('every route is described in OpenAPI, and every described route is served', async () => {
  const { body } = await call(api, 'GET', '/openapi.json');
  const described = Object.entries<object>(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
  );
  const served = [...found].filter((one) => !UNDESCRIBED.includes(one));
  const asRouted = (one: string) =>
    one.replace('/v1/models/{model}', '/v1/models/*').replaceAll(/\{(\w+)\}/g, ':$1');
  expect(described.map(asRouted).sort()).toEqual([...served, ...UNROUTED].sort());
  expect(UNDESCRIBED.filter((one) => !found.has(one))).toEqual([]);
  for (const one of UNROUTED) {
    const [method = '', path = ''] = one.split(' ');
    expect((await call(api, method, path)).status, one).not.toBe(404);
  }
});

async function responseTo(endpoint: string, request: Request, { name, id }: Named) {
  const [method = '', url = ''] = endpoint.split(' ');
  const path = url.replace(/:agent|\*/, request.agent ?? name).replace(':id', id);
  const { status, body } = await call(api, method, path, request.body, { token });
  const text = JSON.stringify(body)
    .replaceAll(name, 'NAME')
    .replaceAll(id, 'ID')
    .replaceAll(id.replaceAll('-', ''), 'ID');
  return { status, text };
}

test.each(Object.keys(REQUESTS))('%s reveals nothing about another tenant', async (endpoint) => {
  const missing = { name: MARK.replace(/b$/, 'c'), id: 'aaaaaaaa-aaaa-7aaa-8aaa-aaaaaaaaaaaa' };
  const requests = REQUESTS[endpoint]?.(missing) ?? [];
  expect(requests).not.toEqual([]);
  expect(theirs.length).toBeGreaterThan(3);
  for (const [place, request] of requests.entries()) {
    const absent = await responseTo(endpoint, request, missing);
    expect(absent.status, `${endpoint} ${place}`).toBeLessThan(500);
    for (const id of theirs) {
      const named = { name: MARK, id };
      const there = await responseTo(endpoint, REQUESTS[endpoint]?.(named)[place] ?? {}, named);
      expect({ place, ...there }).toEqual({ place, ...absent });
    }
  }
});

test.each(Object.keys(REQUESTS))('%s requires a login', async (endpoint) => {
  const [method = '', url = ''] = endpoint.split(' ');
  const [{ body } = {}] = REQUESTS[endpoint]?.({ name: 'development', id: theirs[0] ?? '' }) ?? [];
  const path = url.replace(/:agent|\*/, 'development');
  expect((await call(api, method, path, body)).status).toBe(401);
});

test.each([
  ['POST', '/graphql', 401],
  ['POST', '/mcp', 401],
  ['GET', '/ws', 426], // authenticates when the socket is opened: ws.test.ts
])(
  '%s %s rejects a request without a login, although no route serves it',
  async (method, path, status) => {
    const body = method === 'POST' ? { query: '{ __typename }' } : undefined;
    expect((await call(api, method, path, body)).status).toBe(status);
  },
);
