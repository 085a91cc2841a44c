import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeApiKey, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { waitPastHourBoundary } from '../../support/hour-boundary.ts';
import { ask, follow, openSocket, STEPS, startTestApi, until } from '../harness.ts';
import { claimsOf, makePerson, type Person, sign, tokenOptions } from '../subscriptions/tokens.ts';

const db = testDatabase();
let apis: ApiServer[];
let people: Person[];
let tokens: string[];

beforeAll(async () => {
  // two API processes, each with its own counters
  apis = await Promise.all([
    startTestApi(db.url, tokenOptions),
    startTestApi(db.url, tokenOptions),
  ]);
  const other = await one(
    db.pool,
    `insert into howdah.tenants (slug, name) values ('other', 'Other') returning id`,
  );
  people = [
    await makePerson(db.pool, 'ada'),
    await makePerson(db.pool, 'bob'),
    await makePerson(db.pool, 'eve', other.id),
  ];
  await db.pool.query(`update howdah.users set role = 'admin' where username = 'ada'`);
  tokens = await Promise.all(people.map((person) => sign(claimsOf(person, { role: 'admin' }))));
});
beforeEach(async () => {
  await waitPastHourBoundary();
  await db.pool.query('delete from howdah.limits');
});

afterAll(async () => {
  await Promise.all(apis.map((api) => api.close()));
});

const [ADA, BOB, EVE, KEY] = [0, 1, 2, 3];
const send = (who: number, api = 0, query = '{ __typename }') =>
  fetch(`${apis[api]?.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${tokens[who]}` },
    body: JSON.stringify({ query }),
  });
const impose = (columns: string, values: unknown[]) =>
  db.pool.query(
    `insert into howdah.limits (${columns}) values (${values.map((_, n) => `$${n + 1}`)}) returning id`,
    values,
  );
/** Waits until both processes apply a new limit, which takes them up to a second. */
const waitUntilNoticed = () =>
  Promise.all([0, 1].map((api) => until(async () => (await send(ADA, api)).status === 429)));

test('requests beyond a limit get 429 with Retry-After, across all processes', async () => {
  const { rows } = await impose('metric, period, max_value', ['requests', 'hour', 0]);
  await waitUntilNoticed();
  expect((await send(EVE)).status).toBe(200); // a user of another tenant
  await db.pool.query('update howdah.limits set max_value = 20');
  const answers = await Promise.all(Array.from({ length: 30 }, (_, n) => send(n % 2, n % 2)));
  const refused = answers.filter(({ status }) => status === 429);
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(20);
  expect(refused).toHaveLength(10);
  const [first] = refused as [Response];
  expect(first.headers.get('content-type')).toContain('application/problem+json');
  const seconds = Number(first.headers.get('retry-after'));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(3600);
  const problem = (await first.json()) as { detail: string };
  expect(problem).toMatchObject({
    status: 429,
    code: 'HWQTA',
    limit_id: rows[0].id,
    metric: 'requests',
    period: 'hour',
    max_value: 20,
    errors: [{ message: problem.detail, extensions: { code: 'HWQTA' } }],
  });
});

test('the limit of a user applies to that user only, and operations on a socket count', async () => {
  const run = (
    await one(
      db.pool,
      `insert into howdah.executions (agent_id, input) values ($1, 'x') returning id`,
      [await makeAgent(db.pool)],
    )
  ).id;
  await impose('scope, subject_id, metric, period, max_value', [
    'user',
    people[ADA]?.user_id,
    'requests',
    'day',
    0,
  ]);
  await waitUntilNoticed();
  expect((await send(BOB)).status).toBe(200);
  await db.pool.query('update howdah.limits set max_value = 1');
  const socket = openSocket(apis[0] as ApiServer, { authorization: `Bearer ${tokens[ADA]}` });
  const [inside, beyond] = [follow(socket, STEPS, { id: run }), follow(socket, STEPS, { id: run })];
  await until(() => inside.errors.length + beyond.errors.length > 0);
  expect([...inside.errors, ...beyond.errors]).toMatchObject([
    { extensions: { code: 'HWQTA', detail: { metric: 'requests', scope: 'user' } } },
  ]);
  await socket.client.dispose();
});

test('the limit of an API key applies to that key only', async () => {
  const { id, key } = await makeApiKey(db.pool, people[EVE]?.tenant_id as string);
  tokens[KEY] = key;
  await impose('tenant_id, scope, subject_id, metric, period, max_value', [
    people[EVE]?.tenant_id,
    'api_key',
    id,
    'requests',
    'minute',
    0,
  ]);
  await until(async () => (await send(KEY)).status === 429);
  expect((await send(EVE)).status).toBe(200);
});

test('a run beyond its limit fails with HWQTA, and limits and their usage are visible', async () => {
  const api = apis[0] as ApiServer;
  const create = `mutation ($limit: LimitInput!) { createLimit(input: { limit: $limit }) { limit { id } } }`;
  const made = await ask(
    api,
    create,
    { limit: { scope: 'tenant', metric: 'runs', period: 'day', maxValue: '1' } },
    tokens[ADA],
  );
  expect(made.errors).toEqual([]);
  const { count } = await one(db.pool, 'select count(*)::int from howdah.executions');
  await db.pool.query('update howdah.limits set max_value = $1', [count + 1]);
  const run = `mutation ($agent: UUID!) {
    createExecution(input: { execution: { agentId: $agent, input: "x" } }) { execution { id } }
  }`;
  const agent = await makeAgent(db.pool);
  expect((await ask(api, run, { agent }, tokens[ADA])).errors).toEqual([]);
  expect((await ask(api, run, { agent }, tokens[ADA])).errors).toMatchObject([
    {
      message: expect.stringContaining('the limit of the tenant is reached'),
      extensions: {
        code: 'HWQTA',
        detail: { metric: 'runs', retry_after_seconds: expect.anything() },
      },
    },
  ]);
  const again = (accept: string, query = run, variables: object = { agent }) =>
    fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept,
        authorization: `Bearer ${tokens[ADA]}`,
      },
      body: JSON.stringify({ query, variables }),
    });
  const refused = await again('application/graphql-response+json, application/json;q=0.9');
  const body = (await refused.json()) as object;
  const seconds = Number(refused.headers.get('retry-after'));
  expect(refused.status).toBe(429);
  expect(refused.headers.get('content-type')).toContain('application/graphql-response+json');
  expect(body).toEqual({
    errors: [expect.objectContaining({ extensions: expect.objectContaining({ code: 'HWQTA' }) })],
  });
  expect(seconds).toBeGreaterThan(0);
  // clients of the older media type read the body of a 200 only
  const older = await again('application/json');
  expect(older.status).toBe(200);
  expect(Number(older.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await older.json()).toMatchObject({ data: { createExecution: null } });
  // a request that changed something is not rejected as a whole
  const half = await again(
    'application/graphql-response+json',
    `mutation ($agent: UUID!) {
      createSession(input: { session: { title: "kept" } }) { session { title } }
      createExecution(input: { execution: { agentId: $agent, input: "x" } }) { execution { id } }
    }`,
  );
  expect(half.status).toBe(200);
  expect(Number(half.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await half.json()).toMatchObject({
    data: { createSession: { session: { title: 'kept' } }, createExecution: null },
    errors: [{ path: ['createExecution'], extensions: { code: 'HWQTA' } }],
  });
  const seen = await ask(
    api,
    '{ limits { nodes { metric maxValue isImposed usage { used remaining resetsAt } usages { nodes { used } } } } }',
    {},
    tokens[BOB],
  );
  expect(seen.data?.limits.nodes).toMatchObject([
    {
      metric: 'runs',
      isImposed: false,
      usage: { used: `${count + 1}`, remaining: '0', resetsAt: expect.any(String) },
      usages: { nodes: [{ used: `${count + 1}` }] },
    },
  ]);
});
