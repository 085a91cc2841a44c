import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FRESH_MS } from '../../../src/api/login/cached-loader.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import { makeAgent, makeRun, makeSession, makeTenant, one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { type Answer, ask, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import {
  claimsOf,
  makePerson,
  now,
  type Person,
  SECRET,
  sign,
  tokenFor,
  tokenOptions,
} from '../subscriptions/tokens.ts';

const db = testDatabase();
let api: ApiServer;
let ada: Person;

beforeAll(async () => {
  api = await startTestApi(db.url, tokenOptions);
  ada = await makePerson(db.pool, 'ada', await makeTenant(db.pool));
  await makeAgent(db.pool, { tenant_id: ada.tenant_id, name: 'hers' });
});

afterAll(async () => {
  await api?.close();
});

const AGENTS = '{ agents(orderBy: ID_DESC, first: 1) { nodes { name } } }';
const send = (to: ApiServer, authorization?: string, path = '/graphql') =>
  fetch(`${to.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
    body: JSON.stringify({ query: AGENTS }),
  });

async function expectRefusal(response: Response, reason: string) {
  const hint = expect.any(String);
  expect(response.status).toBe(401);
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  expect(response.headers.get('www-authenticate')).toContain('Bearer');
  const body = (await response.json()) as Answer;
  expect(body).toMatchObject({ status: 401, title: 'Unauthorized', code: 'HWDEN', reason, hint });
  expect(body.errors).toEqual([
    { message: body.detail, extensions: { code: 'HWDEN', hint, detail: { reason } } },
  ]);
  return body;
}

describe('with a login', () => {
  test('a valid token acts for its tenant', async () => {
    const reply = await ask(api, AGENTS, {}, await tokenFor(ada));
    expect(reply).toEqual({
      status: 200,
      data: { agents: { nodes: [{ name: 'hers' }] } },
      errors: [],
    });
  });

  test('a token may be issued for a whole tenant', async () => {
    const token = await tokenFor(ada, { user_id: undefined });
    expect((await ask(api, AGENTS, {}, token)).data.agents.nodes).toEqual([{ name: 'hers' }]);
  });

  test('a request writes as its user, over GraphQL and REST alike', async () => {
    const tenant_id = await makeTenant(db.pool);
    const bea = await makePerson(db.pool, 'bea', tenant_id);
    const mallory = await makePerson(db.pool, 'mallory', tenant_id);
    const boss = await makePerson(db.pool, 'boss', tenant_id);
    await db.pool.query(`update howdah.users set role = 'admin' where id = $1`, [boss.user_id]);
    const token = await tokenFor(boss, { role: 'admin' });
    const agent_id = await makeAgent(db.pool, { tenant_id });
    const userOf = async (text: string, values: unknown[]) =>
      (await one(db.pool, text, values)).user_id;

    const { id: schedule } = await one(
      db.pool,
      `insert into howdah.schedules (tenant_id, name, cron, agent_id, input, user_id)
       values ($1, 'hers', '@yearly', $2, 'mine', $3) returning id`,
      [tenant_id, agent_id, bea.user_id],
    );
    const update = `mutation { updateSchedule(input: { id: "${schedule}", patch: { input: "other" } }) { schedule { userId } } }`;
    const { data } = await ask(api, update, {}, await tokenFor(mallory));
    expect(data.updateSchedule.schedule.userId).toBe(mallory.user_id);

    const run = await makeRun(db.pool, { tenant_id, agent_id, user_id: bea.user_id });
    const fork = `mutation { forkExecution(input: { id: "${run}", seq: 0, input: "other" }) { result { id userId } } }`;
    const forked = await ask(api, fork, {}, token);
    expect(forked.data.forkExecution.result.userId).toBe(boss.user_id);
    const copy = await call(
      api,
      'POST',
      `/api/executions/${run}/fork`,
      { seq: 0, input: 'other' },
      { token },
    );
    expect(copy.status).toBe(201);
    expect(
      await userOf('select user_id from howdah.executions where id = $1', [copy.body.id]),
    ).toBe(boss.user_id);
    const tell = `mutation { addInput(input: { executionId: "${run}", content: "other" }) { result { id } } }`;
    expect((await ask(api, tell, {}, token)).errors).toMatchObject([
      { extensions: { code: 'HWDEN' } },
    ]);

    const session = await makeSession(db.pool, { tenant_id, agent_id, user_id: bea.user_id });
    const said = await call(
      api,
      'POST',
      `/sessions/${session}/messages`,
      { content: 'other' },
      { token },
    );
    expect(said.status).toBeLessThan(300);
    const send = `mutation { sendMessage(input: { sessionId: "${session}", content: "other" }) { result { turns } } }`;
    await ask(api, send, {}, token);
    const turns = await one(
      db.pool,
      'select array_agg(user_id) as users from howdah.executions where session_id = $1',
      [session],
    );
    expect(turns.users).toEqual([boss.user_id, boss.user_id]);
    const todo = `mutation { createTodo(input: { todo: { sessionId: "${session}", title: "other" } }) { todo { id } } }`;
    expect((await ask(api, todo, {}, await tokenFor(mallory))).errors).toMatchObject([
      { extensions: { code: 'HWDEN' } },
    ]);
  });

  test('a request without a token is rejected with a hint on how to create one', async () => {
    const { hint } = await expectRefusal(await send(api), 'missing');
    expect(hint).toContain('npx howdah admin token --tenant default --user NAME');
  });

  test.each(['/healthz', '/readyz', '/graphiql', '/schemas/agent-system.v1.json'])(
    '%s requires no token',
    async (path) => {
      const response = await fetch(`${api.url}${path}`, { headers: { accept: 'text/html' } });
      expect(response.status).toBe(200);
    },
  );

  test('a token in the URL is ignored', async () => {
    const path = `/graphql?access_token=${await tokenFor(ada)}&query={nodeId}`;
    await expectRefusal(await send(api, undefined, path), 'missing');
    expect((await fetch(`${api.url}${path}`)).status).toBe(401);
  });

  test('clocks may differ by 30 seconds', async () => {
    const late = { iat: now() - 100, exp: now() - 20 };
    expect((await ask(api, AGENTS, {}, await tokenFor(ada, late))).status).toBe(200);
  });

  test('a deleted user loses access within a second', async () => {
    const eve = await makePerson(db.pool, 'eve');
    const token = await tokenFor(eve);
    expect((await ask(api, AGENTS, {}, token)).status).toBe(200);
    await db.pool.query('delete from howdah.users where id = $1', [eve.user_id]);
    while ((await ask(api, AGENTS, {}, token)).status === 200);
    expect(FRESH_MS).toBeLessThan(1_000); // the lifetime of a cached login
    await expectRefusal(await send(api, `Bearer ${token}`), 'unknown');
  });

  test.each([
    ['user', 'update howdah.users set is_active = false where id = $1'],
    ['tenant', 'update howdah.tenants set is_active = false where id = $1'],
  ])('an inactive %s loses access within a second', async (what, text) => {
    const eve = await makePerson(db.pool, 'eve', await makeTenant(db.pool));
    const token = await tokenFor(eve);
    expect((await ask(api, AGENTS, {}, token)).status).toBe(200);
    await db.pool.query(text, [what === 'user' ? eve.user_id : eve.tenant_id]);
    while ((await ask(api, AGENTS, {}, token)).status === 200);
    expect(FRESH_MS).toBeLessThan(1_000); // the lifetime of a cached login
    await expectRefusal(await send(api, `Bearer ${token}`), 'unknown');
  });
});

describe('rejects a token or header', () => {
  const makeUnsignedToken = (claims: object, alg: string) =>
    [{ alg, typ: 'JWT' }, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .concat('')
      .join('.');
  const makeEditedToken = async (claims: object) => {
    const [head, , signature] = (await tokenFor(ada)).split('.');
    return [head, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.');
  };
  type Make = () => string | Promise<string>;
  const bad: [string, Make, string?][] = [
    ['with alg none', () => makeUnsignedToken(claimsOf(ada), 'none')],
    ['with alg nOnE', () => makeUnsignedToken(claimsOf(ada), 'nOnE')],
    [
      'with alg none and a signature',
      async () => `${makeUnsignedToken(claimsOf(ada), 'none')}c2ln`,
    ],
    [
      'with another algorithm',
      () => sign(claimsOf(ada), Buffer.alloc(64, SECRET), { alg: 'HS512' }),
    ],
    ['signed with another secret', () => sign(claimsOf(ada), Buffer.alloc(32, 'x'))],
    ['with an edited tenant', () => makeEditedToken(claimsOf({ ...ada, tenant_id: randomUUID() }))],
    ['with an edited role', () => makeEditedToken(claimsOf(ada, { role: 'owner' }))],
    [
      'with a path as kid',
      () =>
        sign(claimsOf(ada), Buffer.from('\0'.repeat(32)), { alg: 'HS256', kid: '../../dev/null' }),
    ],
    ['that has expired', () => tokenFor(ada, { exp: now() - 40 }), 'expired'],
    ['without exp', () => tokenFor(ada, { exp: undefined })],
    ['without iat', () => tokenFor(ada, { iat: undefined })],
    ['without sub', () => tokenFor(ada, { sub: undefined })],
    ['that is not yet valid', () => tokenFor(ada, { nbf: now() + 100 })],
    ['for another audience', () => tokenFor(ada, { aud: 'else' })],
    ['without an audience', () => tokenFor(ada, { aud: undefined })],
    ['from another issuer', () => tokenFor(ada, { iss: 'else' })],
    ['without a tenant', () => tokenFor(ada, { tenant_id: undefined })],
    ['whose tenant is not a UUID', () => tokenFor(ada, { tenant_id: "' or true --" })],
    ['whose user is not a UUID', () => tokenFor(ada, { user_id: 'ada' })],
    ['without a role', () => tokenFor(ada, { role: undefined })],
    ['with a database role', () => tokenFor(ada, { role: 'howdah_owner' })],
    ['with the role postgres', () => tokenFor(ada, { role: 'postgres' })],
    ['for an unknown tenant', () => tokenFor(ada, { tenant_id: randomUUID() }), 'unknown'],
    ['for an unknown user', () => tokenFor(ada, { user_id: randomUUID() }), 'unknown'],
    [
      'for a user of another tenant',
      async () => tokenFor(ada, { user_id: (await makePerson(db.pool, randomUUID())).user_id }),
      'unknown',
    ],
    ['of 100 kB', () => tokenFor(ada, { padding: 'x'.repeat(75_000) })],
    ['of 100,000 letters', () => 'x'.repeat(100_000)],
    ['that is malformed', () => 'a.b.c'],
  ];
  test.each(bad)('%s', async (_what, make, reason = 'invalid') => {
    await expectRefusal(await send(api, `Bearer ${await make()}`), reason);
  });

  test.each(['Basic YTpi', 'Bearer', 'Bearer a b', 'Bearer '])('%j', async (authorization) => {
    await expectRefusal(await send(api, authorization), 'invalid');
  });
});

describe('with an optional login', () => {
  let optional: ApiServer;
  beforeAll(async () => {
    optional = await startTestApi(db.url, { jwtSecret: SECRET });
  });
  afterAll(() => optional.close());

  test('a token is used when present', async () => {
    expect((await ask(optional, AGENTS)).data.agents.nodes).not.toEqual([{ name: 'hers' }]);
    const reply = await ask(optional, AGENTS, {}, await tokenFor(ada));
    expect(reply.data.agents.nodes).toEqual([{ name: 'hers' }]);
  });

  test('an invalid token is still rejected', async () => {
    const token = await tokenFor(ada, { exp: now() - 100 });
    await expectRefusal(await send(optional, `Bearer ${token}`), 'expired');
  });

  test('every token is rejected when the server has no key', async () => {
    const keyless = await startTestApi(db.url);
    await expectRefusal(await send(keyless, `Bearer ${await tokenFor(ada)}`), 'keyless');
    await keyless.close();
  });
});

describe('with a JWKS of an external issuer', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  let fetches = 0;
  const keys = createServer(async (_request, response) => {
    fetches += 1;
    const [r, e] = await Promise.all([exportJWK(rsa.publicKey), exportJWK(ec.publicKey)]);
    const all = [
      { ...r, kid: 'r' },
      { ...e, kid: 'e' },
    ];
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ keys: all }));
  });
  let theirs: ApiServer;
  let jwksUrl: string;

  beforeAll(async () => {
    await new Promise<void>((resolve) => keys.listen(0, '127.0.0.1', resolve));
    jwksUrl = `http://127.0.0.1:${(keys.address() as AddressInfo).port}/`;
    theirs = await startTestApi(db.url, { auth: 'required', jwksUrl });
  });
  afterAll(async () => {
    await theirs.close();
    keys.close();
  });

  test.each([
    ['RS256', rsa, 'r'],
    ['ES256', ec, 'e'],
  ])('accepts %s and fetches the keys once', async (alg, { privateKey }, kid) => {
    const token = await sign(claimsOf(ada), privateKey, { alg, kid });
    for (let i = 0; i < 5; i += 1) {
      expect((await ask(theirs, AGENTS, {}, token)).status).toBe(200);
    }
    expect(fetches).toBe(1);
  });

  test('rejects a token signed with a public key as secret', async () => {
    const { publicKey } = rsa;
    for (const format of ['pem', 'der'] as const) {
      const text = publicKey.export({ type: 'spki', format } as { type: 'spki'; format: 'pem' });
      const token = await sign(claimsOf(ada), Buffer.from(text), { alg: 'HS256', kid: 'r' });
      await expectRefusal(await send(theirs, `Bearer ${token}`), 'invalid');
    }
  });

  test('ignores a key or key URL inside a token', async () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const jwk = await exportJWK(other.publicKey);
    for (const more of [{ jwk }, { jku: jwksUrl }, { x5u: jwksUrl }, { kid: "r' or true" }]) {
      const header = { alg: 'RS256', kid: 'r', ...more };
      const token = await sign(claimsOf(ada), other.privateKey, header);
      await expectRefusal(await send(theirs, `Bearer ${token}`), 'invalid');
    }
  });

  test('can be combined with a shared secret', async () => {
    const both = await startTestApi(db.url, { ...tokenOptions, jwksUrl });
    const signed = await sign(claimsOf(ada), rsa.privateKey, { alg: 'RS256', kid: 'r' });
    expect((await ask(both, AGENTS, {}, signed)).status).toBe(200);
    expect((await ask(both, AGENTS, {}, await tokenFor(ada))).status).toBe(200);
    const confused = await sign(claimsOf(ada), Buffer.from(SECRET), { alg: 'HS256', kid: 'r' });
    // a token signed with a shared secret ignores its kid
    expect((await ask(both, AGENTS, {}, confused)).status).toBe(200);
    await both.close();
  });

  test('returns 503 with Retry-After when the keys cannot be fetched', async () => {
    const cut = await startTestApi(db.url, { auth: 'required', jwksUrl: 'http://127.0.0.1:9/' });
    const token = await sign(claimsOf(ada), rsa.privateKey, { alg: 'RS256', kid: 'r' });
    const response = await send(cut, `Bearer ${token}`);
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({ code: 'EUNREACHABLE' });
    await cut.close();
  });
});
