import { beforeAll, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { secretRowsOn } from '../../src/db/access/secrets.ts';
import type { JsonObject } from '../../src/json/json.ts';
import { rotateDataKey } from '../../src/secrets/rotation.ts';
import { createEgress } from '../../src/tools/egress.ts';
import { ask, startTestApi } from '../api/harness.ts';
import { type CallOptions, call } from '../api/rest/call.ts';
import { makePerson, type Person, tokenFor, tokenOptions } from '../api/subscriptions/tokens.ts';
import { callTools, makeAgent, resultsOf, waitForEnd } from '../runtime/arrange.ts';
import { asRole, makeTenant, refusal } from '../sql/support.ts';
import { eventually } from '../support/database.ts';
import { consent } from '../support/oauth/browser.ts';
import {
  accountOf,
  createLink,
  makeApiTool,
  makeIntegration,
  masterKeys,
  runAs,
  setUpOAuthFixture,
  versionOf,
  waitForRevocations,
} from './arrange.ts';

const fixture = setUpOAuthFixture();
let api: ApiServer;
let people: Record<'ada' | 'ben' | 'root' | 'eve', Person>;
let foreigner: Person;

beforeAll(async () => {
  const hosts = [fixture.server.issuer, fixture.resource.origin].map((url) => new URL(url).host);
  const egress = createEgress({ allowPrivate: hosts });
  api = await startTestApi(fixture.db.url, { ...tokenOptions, masterKeys, egress });
  const names = ['ada', 'ben', 'root', 'eve'] as const;
  const made = await Promise.all(names.map((name) => makePerson(fixture.db.pool, name)));
  people = Object.fromEntries(names.map((name, index) => [name, made[index]])) as typeof people;
  await fixture.db.pool.query(`update howdah.users set role = 'admin' where username = 'root'`);
  await fixture.db.pool.query(`update howdah.users set role = 'viewer' where username = 'eve'`);
  foreigner = await makePerson(fixture.db.pool, 'far', await makeTenant(fixture.db.pool));
  return () => api.close();
});

const roles = { ada: 'member', ben: 'member', root: 'admin', eve: 'viewer' } as const;
type Name = keyof typeof roles;
const as = async (name: Name): Promise<CallOptions> => ({
  token: await tokenFor(people[name], { role: roles[name] }),
});
const connect = async (name: Name, integration: { id: string }) =>
  call(api, 'POST', `/api/integrations/${integration.id}/connect`, undefined, await as(name));
const list = async (name: Name, path = '/api/connected-accounts') =>
  (await call(api, 'GET', path, undefined, await as(name))).body.data;

test('only an admin connects the account of the tenant', async () => {
  const integration = await makeIntegration(fixture, { account_scope: 'tenant' });
  for (const [name, object, required_role] of [
    ['ada', 'integrations', 'admin'],
    ['eve', 'executions', 'member'], // as for every account
  ] as const) {
    expect(await connect(name, integration)).toMatchObject({
      status: 403,
      body: { code: 'HWDEN', object, required_role },
    });
  }
  const { status, body } = await connect('root', integration);
  expect({ status, body }).toMatchObject({
    status: 200,
    body: {
      integration: integration.name,
      authorization_url: expect.stringContaining('/oauth/connect/'),
    },
  });
  expect((await consent(body.authorization_url)).status).toBe(200);
  const { id } = await accountOf(fixture, integration.name);
  const path = `/api/connected-accounts/${id}`;
  expect(await call(api, 'DELETE', path, undefined, await as('ada'))).toMatchObject({
    status: 403,
  });
  expect(await call(api, 'DELETE', path, undefined, await as('root'))).toMatchObject({
    status: 200,
    body: { status: 'revoked' },
  });
});

test('users connect their own accounts, and see no account of another user', async () => {
  const integration = await makeIntegration(fixture);
  expect(await connect('eve', integration)).toMatchObject({ status: 403 });
  for (const name of ['ada', 'ben'] as const) {
    fixture.server.person = `${name}@example.com`;
    const { body } = await connect(name, integration);
    expect((await consent(body.authorization_url)).status).toBe(200);
  }
  const of = `/api/connected-accounts?integration_id=${integration.id}`;
  const own = await list('ada', of);
  expect(own).toMatchObject([
    {
      ...{ integration: integration.name, user: 'ada' },
      ...{ user_id: people.ada.user_id, status: 'connected' },
    },
  ]);
  expect(Object.keys(own[0]).sort()).toEqual(
    'connected_at created_at error expires_at id integration integration_id refreshed_at scopes status updated_at user user_id'.split(
      ' ',
    ),
  );
  expect(await list('root', of)).toHaveLength(2);
  expect(await list('eve', of)).toEqual([]);
  const path = `/api/connected-accounts/${own[0].id}`;
  const shown = await call(api, 'GET', path, undefined, await as('ada'));
  expect(shown).toMatchObject({ status: 200, body: own[0] });
  expect(shown.headers.get('etag')).toEqual(expect.any(String));
  for (const name of ['ben', 'eve'] as const) {
    expect(await call(api, 'GET', path, undefined, await as(name))).toMatchObject({ status: 404 });
    expect(await call(api, 'DELETE', path, undefined, await as(name))).toMatchObject({
      status: 404,
    });
  }
  const far = { token: await tokenFor(foreigner) };
  expect(await call(api, 'GET', path, undefined, far)).toMatchObject({ status: 404 });
  expect(await call(api, 'DELETE', path, undefined, far)).toMatchObject({ status: 404 });
  expect(
    await call(api, 'POST', `/api/integrations/${integration.id}/connect`, undefined, far),
  ).toMatchObject({ status: 404 });
  expect(await call(api, 'DELETE', path, undefined, await as('ada'))).toMatchObject({
    status: 200,
  });
});

test.each(['GET', 'DELETE'] as const)('%s of an unknown account or of no id', async (method) => {
  const root = await as('root');
  const unknown = '/api/connected-accounts/01980000-0000-7000-8000-000000000000';
  expect(await call(api, method, unknown, undefined, root)).toMatchObject({
    status: 404,
    body: { code: 'HWNTF', hint: expect.any(String) },
  });
  expect(await call(api, method, '/api/connected-accounts/x', undefined, root)).toMatchObject({
    status: 400,
    body: { code: 'HWINV', field: 'id' },
  });
});

test('a list has filters, and refuses other values', async () => {
  const integration = await makeIntegration(fixture, { account_scope: 'tenant' });
  await connect('root', integration);
  const at = `/api/connected-accounts?integration_id=${integration.id}`;
  expect(await list('root', `${at}&status=pending`)).toMatchObject([
    { integration: integration.name, user: null, user_id: null },
  ]);
  expect(await list('root', `${at}&status=connected`)).toEqual([]);
  for (const [query, field] of [
    ['status=lost', 'status'],
    ['user_id=ada', 'user_id'],
    ['integration_id=notes', 'integration_id'],
    ['token=x', 'token'],
  ]) {
    const refused = await call(
      ...([api, 'GET', `/api/connected-accounts?${query}`, undefined, await as('root')] as const),
    );
    expect(refused).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
  }
});

test('connecting may name the caller, and no other user', async () => {
  const { id, name: integration } = await makeIntegration(fixture);
  const path = `/api/integrations/${id}/connect`;
  const connectAs = async (body: JsonObject) => call(api, 'POST', path, body, await as('ada'));
  const { status, body } = await connectAs({ username: 'ada' });
  expect({ status, body }).toMatchObject({ status: 200, body: { integration } });
  expect(await connectAs({})).toMatchObject({ body: { account_id: body.account_id } });
  for (const username of ['ben', 'nobody', '']) {
    expect(await connectAs({ username })).toMatchObject({
      status: 400,
      body: { code: 'HWINV', field: 'username' },
    });
  }
  for (const [sent, field] of [
    [{ username: 7 }, 'username'],
    [{ user: 'ada' }, 'user'],
  ] as const) {
    expect(await connectAs(sent)).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
  }
  expect(await list('root', `/api/connected-accounts?integration_id=${id}`)).toHaveLength(1);
});

test('GraphQL begins and ends an integration, and has no field for a token', async () => {
  const integration = await makeIntegration(fixture);
  const { token } = await as('ada');
  const started = await ask(
    api,
    'mutation ($name: String!) { connectAccount(input: { integration: $name }) { result } }',
    { name: integration.name },
    token,
  );
  expect(started.errors).toEqual([]);
  await consent(started.data.connectAccount.result.authorization_url);
  const { id } = await accountOf(fixture, integration.name, people.ada.user_id);
  const ended = await ask(
    api,
    'mutation ($id: UUID!) { disconnectAccount(input: { id: $id }) { result { status } } }',
    { id },
    token,
  );
  expect(ended.data.disconnectAccount.result).toEqual({ status: 'revoked' });
  const { data } = await ask(
    api,
    '{ account: __type(name: "ConnectedAccount") { fields { name } } integration: __type(name: "Integration") { fields { name } } }',
    {},
    token,
  );
  const fields = [...data.account.fields, ...data.integration.fields].map(({ name }) => name);
  expect(fields).toContain('resourceUrl');
  expect(fields.filter((name: string) => /token|verifier|state$|cipher/i.test(name))).toEqual([]);
});

test('neither tenants nor tools read sealed documents, or connect by themselves', async () => {
  const settings = { 'howdah.tenant_id': fixture.tenantId };
  for (const text of [
    'select * from howdah_private.sealed_documents',
    'select * from howdah_private.account_links',
    'select * from howdah_private.token_revocations',
    'select howdah_private.account_by_id(howdah.uuid_v7())',
    `select howdah_private.account_for_run(howdah.uuid_v7(), 'x')`,
    'insert into howdah.connected_accounts (integration_id) values (howdah.uuid_v7())',
  ]) {
    const tried = asRole(fixture.db.pool, 'howdah_app', settings, (client) => client.query(text));
    expect({ text, ...(await refusal(tried)) }).toMatchObject({ text, code: '42501' });
  }
});

test.each([
  [{ resource_url: 'ftp://example.com' }, { constraint: 'resource_url_is_http' }],
  [{ resource_url: 'https://user@example.com' }, { constraint: 'resource_url_is_http' }],
  [
    { grant_type: 'client_credentials', account_scope: 'tenant' },
    { constraint: 'client_credentials_have_a_client' },
  ],
  [{ secret_name: 'robot' }, { code: 'HWNTF' }],
  [
    { issuer: 'https://as.example.com', endpoints: { token: 'x' } },
    { code: 'HWINV', field: 'endpoints' },
  ],
  [
    { endpoints: { token_endpoint: 'https://as.example.com/t' } },
    { constraint: 'endpoints_have_an_issuer' },
  ],
  [{ scopes: ['a b', ''] }, { constraint: 'scopes_are_words' }],
  [{ name: 'with space' }, { constraint: 'name_is_a_short_word' }],
])('an integration %j is refused with its field', async (fields, problem) => {
  const body = { name: 'refused', resource_url: 'https://api.example.com', ...fields };
  const refused = await call(api, 'POST', '/api/integrations', body, await as('root'));
  expect([400, 404]).toContain(refused.status);
  expect(refused.body).toMatchObject(problem);
  expect(refused.body.hint).toEqual(expect.any(String));
});

test('servers and tools name an integration that exists, for their own host', async () => {
  const { name } = await makeIntegration(fixture);
  const insert = (configuration: object) =>
    refusal(
      fixture.db.pool.query(
        `insert into howdah.mcp_servers (name, type, configuration) values ('notes', 'http', $1)`,
        [JSON.stringify(configuration)],
      ),
    );
  expect(await insert({ url: fixture.resource.url, integration: 'nowhere' })).toMatchObject({
    code: 'HWNTF',
    fields: { integration: 'nowhere' },
  });
  expect(await insert({ url: 'https://evil.example.com/mcp', integration: name })).toMatchObject({
    code: 'HWINV',
    fields: { path: 'configuration.integration' },
  });
  expect(await refusal(makeApiTool(fixture, name, 'https://evil.example.com/me'))).toMatchObject({
    code: 'HWINV',
    fields: { path: 'configuration.integration' },
  });
});

test('http_request sends the token to the resource alone, and never on a redirect elsewhere', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const other = fixture.server.issuer; // another origin, which does not echo headers
  const agent = await makeAgent(fixture.db.pool, {
    script: [
      callTools({ name: 'http_request', arguments: { url: `${fixture.resource.origin}/me` } }),
      callTools({
        name: 'http_request',
        arguments: { url: `${other}/.well-known/openid-configuration` },
      }),
      { content: 'done' },
    ],
    tools: ['http_request'],
  });
  await fixture.db.pool.query(
    'update howdah.agent_tools set configuration = $2 where agent_id = $1',
    [agent, JSON.stringify({ integration: name })],
  );
  fixture.resource.tokens.length = 0;
  const seen: (string | undefined)[] = [];
  fixture.server.provider.use(async (ctx, next) => {
    seen.push(ctx.get('authorization'));
    await next();
  });
  const run = await waitForEnd(fixture.db.pool, await runAs(fixture, agent, null));
  const said = await resultsOf(fixture.db.pool, run.id);
  expect(said[0]).toContain('"authorization":"Bearer ***"');
  expect(fixture.resource.tokens).toHaveLength(1);
  expect(JSON.parse(said[1] ?? '').status).toBe(200);
  expect(seen.filter(Boolean)).toEqual([]);
});

test('tokens are sealed anew with the next data key, and open afterwards', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const keys = async () =>
    (
      await fixture.db.pool.query(
        `select k.id, k.is_current from howdah_private.data_keys as k where k.tenant_id = $1`,
        [fixture.tenantId],
      )
    ).rows;
  const before = await keys();
  const { resealed: count } = await rotateDataKey(
    secretRowsOn(fixture.db.pool),
    masterKeys,
    fixture.tenantId,
  );
  expect(count).toBeGreaterThan(1);
  const after = await keys();
  expect(after).toHaveLength(1);
  expect(after[0].id).not.toBe(before[0].id);
  const tool = await makeApiTool(fixture, name);
  const agent = await makeAgent(fixture.db.pool, {
    script: [callTools({ name: tool, arguments: {} }), { content: 'done' }],
    tools: [tool],
  });
  const run = await waitForEnd(fixture.db.pool, await runAs(fixture, agent, null));
  expect((await resultsOf(fixture.db.pool, run.id))[0]).toContain('@example.com');
});

test.each(['delete', 'row'])('tokens of a deleted user are revoked: %s', async (way) => {
  const integration = await makeIntegration(fixture);
  const gone = await makePerson(fixture.db.pool, `deleted_${way}`);
  const before = new Set((await fixture.server.refreshTokens()).map(({ jti }) => jti));
  await consent(await createLink(fixture, integration.name, `deleted_${way}`));
  const own = async () =>
    (await fixture.server.refreshTokens()).filter(({ jti }) => !before.has(jti)).length;
  expect(await own()).toBe(1);
  await fixture.db.pool.query(
    way === 'delete'
      ? `select howdah.erase_user($1, 'delete')`
      : 'delete from howdah.users where id = $1',
    [gone.user_id],
  );
  expect(await accountOf(fixture, integration.name, gone.user_id)).toBeUndefined();
  await waitForRevocations(fixture);
  expect(await own()).toBe(0);
});

test('tokens that wait for their revocation are sealed anew with the next data key', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  const before = new Set((await fixture.server.refreshTokens()).map(({ jti }) => jti));
  await consent(await createLink(fixture, name));
  const { id } = await accountOf(fixture, name);
  const later = await fixture.db.pool.connect();
  try {
    await later.query('begin'); // no job starts before the rotation
    await later.query('select howdah.disconnect_account($1)', [id]);
    await later.query(`update graphile_worker._private_jobs set run_at = now() + interval '1 hour'
      where key = (select 'revocation ' || r.id from howdah_private.token_revocations as r)`);
    await later.query('commit');
  } finally {
    later.release();
  }
  await rotateDataKey(secretRowsOn(fixture.db.pool), masterKeys, fixture.tenantId);
  const { rows } = await fixture.db.pool.query(
    `select k.is_current from howdah_private.token_revocations as r
     join howdah_private.data_keys as k on k.id = r.data_key_id`,
  );
  expect(rows).toEqual([{ is_current: true }]);
  await fixture.db.pool.query(
    `select graphile_worker.add_job('revoke_account',
       json_build_object('id', r.id, 'tenant_id', r.tenant_id), job_key => 'revocation ' || r.id)
     from howdah_private.token_revocations as r`,
  );
  await waitForRevocations(fixture);
  const left = (await fixture.server.refreshTokens()).filter(({ jti }) => !before.has(jti));
  expect(left).toEqual([]);
});

test('a process that read deleted tokens does not touch the tokens of a later consent', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const { id } = await accountOf(fixture, name);
  const slow = await versionOf(fixture, id);
  await fixture.db.pool.query('select howdah.disconnect_account($1)', [id]);
  await consent(await createLink(fixture, name));
  const current = await versionOf(fixture, id);
  expect(Number(current)).toBeGreaterThan(Number(slow));
  const { rows } = await fixture.db.pool.query(
    'select howdah_private.begin_refresh($1, $2) as is_started',
    [id, slow],
  );
  expect(rows).toEqual([{ is_started: false }]);
  await fixture.db.pool.query(`select howdah_private.fail_refresh($1, $2, 'invalid_grant', true)`, [
    id,
    slow,
  ]);
  expect(await accountOf(fixture, name)).toMatchObject({ status: 'connected', error: null });
  expect(await versionOf(fixture, id)).toBe(current);
});

test('an erasure that waits for an account has no run of the user locked', async () => {
  const { name } = await makeIntegration(fixture);
  const { user_id } = await makePerson(fixture.db.pool, 'locked');
  await createLink(fixture, name, 'locked');
  const { id } = await accountOf(fixture, name, user_id);
  const agent = await makeAgent(fixture.db.pool, { script: [{ content: 'done' }] });
  const run = await runAs(fixture, agent, user_id);
  await waitForEnd(fixture.db.pool, run);
  const [storing, erasing] = [await fixture.db.pool.connect(), await fixture.db.pool.connect()];
  try {
    await storing.query('begin'); // as a transaction that stores tokens
    const lock = 'select from howdah.connected_accounts where id = $1 for no key update';
    await storing.query(lock, [id]);
    const { rows } = await erasing.query('select pg_backend_pid() as pid');
    const erased = erasing.query(`select howdah.erase_user($1, 'anonymise')`, [user_id]);
    await eventually(
      fixture.db.pool,
      'the erasure waits',
      'select from pg_catalog.pg_locks where pid = $1 and not granted',
      [rows[0].pid],
    );
    const wanted = 'select id from howdah.executions where id = $1 for update nowait';
    expect((await storing.query(wanted, [run])).rows).toHaveLength(1);
    await storing.query('commit');
    await erased;
  } finally {
    storing.release();
    erasing.release();
  }
  expect(await accountOf(fixture, name, user_id)).toMatchObject({ status: 'revoked' });
});

test('an erased user is disconnected, and an export names the account without its tokens', async () => {
  const integration = await makeIntegration(fixture);
  const gone = await makePerson(fixture.db.pool, 'gone');
  await consent(await createLink(fixture, integration.name, 'gone'));
  const { rows } = await fixture.db.pool.query('select howdah.export_user_data($1) as part', [
    gone.user_id,
  ]);
  const parts = rows.map(({ part }) => part).filter(({ kind }) => kind === 'connected_account');
  expect(parts).toMatchObject([{ integration_id: integration.id, status: 'connected' }]);
  const { id } = await accountOf(fixture, integration.name, gone.user_id);
  await fixture.db.pool.query(`select howdah.erase_user($1, 'anonymise')`, [gone.user_id]);
  expect(await accountOf(fixture, integration.name, gone.user_id)).toMatchObject({
    status: 'revoked',
  });
  const { rows: documents } = await fixture.db.pool.query(
    'select from howdah_private.sealed_documents where id = $1',
    [id],
  );
  expect(documents).toEqual([]);
  await waitForRevocations(fixture);
  expect(fixture.server.requests).toContain('POST /token/revocation');
});
