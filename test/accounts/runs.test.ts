import { beforeEach, expect, test, vi } from 'vitest';
import { callTools, makeAgent, resultsOf, stepsOf, waitForEnd } from '../runtime/arrange.ts';
import { expectEqualReplay, waitForQuestion } from '../runtime/replay/replay-runs.ts';
import { eventually } from '../support/database.ts';
import { CLIENT } from '../support/oauth/authorization-server.ts';
import { consent } from '../support/oauth/browser.ts';
import {
  accountOf,
  createLink,
  makeApiTool,
  makeIntegration,
  makeUser,
  runAs,
  setUpOAuthFixture,
  storeSecret,
  versionOf,
  waitForRevocations,
} from './arrange.ts';

const fixture = setUpOAuthFixture();

beforeEach(() => {
  fixture.server.person = 'ada@example.com';
  fixture.server.tokenSeconds = 3_600;
});

/** Adds an MCP server for an integration after an account is connected, and returns its tool. */
async function makeMcpServer(integration: string): Promise<string> {
  const name = integration.replace('c_', 's_');
  await fixture.db.pool.query(
    `insert into howdah.mcp_servers (name, type, configuration) values ($1, 'http', $2)`,
    [name, JSON.stringify({ url: fixture.resource.url, integration })],
  );
  await eventually(
    fixture.db.pool,
    `${name} is asked`,
    'select from howdah.mcp_servers where name = $1 and discovered_at is not null',
    [name],
  );
  return name;
}

async function mcpAgent(server: string): Promise<string> {
  const script = [callTools({ name: `${server}__whoami`, arguments: {} }), { content: 'done' }];
  const agent = await makeAgent(fixture.db.pool, { script });
  await fixture.db.pool.query(
    `insert into howdah.agent_servers (agent_id, server_id)
     select $1, id from howdah.mcp_servers where name = $2`,
    [agent, server],
  );
  return agent;
}

const apiAgent = (tool: string) =>
  makeAgent(fixture.db.pool, {
    script: [callTools({ name: tool, arguments: {} }), { content: 'done' }],
    tools: [tool],
  });

/** Registers a client with a secret at the server, as an admin does manually. */
async function registerClient(): Promise<{ client_id: string; client_secret: string }> {
  const response = await fetch(`${fixture.server.issuer}/reg`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [`${fixture.api.url}/oauth/callback`],
      grant_types: ['authorization_code', 'refresh_token'],
      token_endpoint_auth_method: 'client_secret_basic',
      application_type: 'native',
    }),
  });
  return (await response.json()) as { client_id: string; client_secret: string };
}

const questionOf = async (run: string) => {
  const id = await waitForQuestion(fixture.db.pool, run);
  const { rows } = await fixture.db.pool.query('select * from howdah.questions where id = $1', [
    id,
  ]);
  return rows[0];
};
const linkIn = (prompt: string) => /https?:\/\/\S+$/.exec(prompt)?.[0] ?? '';
const resultOf = async (run: string) => {
  const { status } = await waitForEnd(fixture.db.pool, run);
  const [said = ''] = await resultsOf(fixture.db.pool, run);
  return { status, said };
};

test('an MCP server gets the token of the user of each run, and never that of another user', async () => {
  const { name } = await makeIntegration(fixture);
  const [ada, ben] = [await makeUser(fixture, 'ada'), await makeUser(fixture, 'ben')];
  await consent(await createLink(fixture, name, 'ada'));
  const agent = await mcpAgent(await makeMcpServer(name));
  const first = await resultOf(await runAs(fixture, agent, ada));
  // the server echoes the token of the request, which must be redacted
  expect(first).toMatchObject({
    status: 'completed',
    said: expect.stringContaining('ada@example.com with Bearer ***'),
  });

  fixture.resource.tokens.length = 0;
  const run = await runAs(fixture, agent, ben);
  const question = await questionOf(run);
  expect(fixture.resource.tokens).toEqual([]); // nothing was sent for the second user
  expect(question).toMatchObject({
    prompt: expect.stringContaining(`the account of ben for ${name}`),
    options: ['accept', 'decline'],
  });
  fixture.server.person = 'ben@example.com';
  expect(await consent(linkIn(question.prompt))).toMatchObject({ status: 200 });
  expect(await resultOf(run)).toMatchObject({
    status: 'completed',
    said: expect.stringContaining('ben@example.com with'),
  });
  const { rows } = await fixture.db.pool.query('select * from howdah.questions where id = $1', [
    question.id,
  ]);
  expect(rows[0]).toMatchObject({ status: 'answered', answer: 'accept', answered_by: 'ben' });
  await expectEqualReplay(fixture.db.pool, run);
  expect(await resultOf(await runAs(fixture, agent, ada))).toMatchObject({
    said: expect.stringContaining('ada@example.com with'),
  });
});

/** Adds an MCP server for an integration that nobody has connected, and waits for its failure. */
async function makeUnlistedServer(integration: string): Promise<string> {
  const name = integration.replace('c_', 's_');
  await fixture.db.pool.query(
    `insert into howdah.mcp_servers (name, type, configuration) values ($1, 'http', $2)`,
    [name, JSON.stringify({ url: fixture.resource.url, integration })],
  );
  await eventually(
    fixture.db.pool,
    `${name} cannot be listed`,
    'select from howdah.mcp_servers where name = $1 and error is not null',
    [name],
  );
  return name;
}

test('the first user of an MCP server is asked too, and the run gets its tools then', async () => {
  const { name } = await makeIntegration(fixture);
  const eva = await makeUser(fixture, 'eva');
  const agent = await mcpAgent(await makeUnlistedServer(name));
  const run = await runAs(fixture, agent, eva);
  const question = await questionOf(run);
  expect(question).toMatchObject({
    ...{ call_id: null, options: ['accept', 'decline'] },
    prompt: expect.stringContaining(`the account of eva for ${name}`),
  });
  fixture.server.person = 'eva@example.com';
  expect(await consent(linkIn(question.prompt))).toMatchObject({ status: 200 });
  expect(await resultOf(run)).toMatchObject({
    status: 'completed',
    said: expect.stringContaining('eva@example.com with'),
  });
  expect((await stepsOf(fixture.db.pool, run)).slice(0, 2)).toMatchObject([
    { kind: 'question' },
    { kind: 'answer' },
  ]);
  await expectEqualReplay(fixture.db.pool, run);
});

test('a run whose first user declines starts without the tools of the server', async () => {
  const { name } = await makeIntegration(fixture);
  const finn = await makeUser(fixture, 'finn');
  const server = await makeUnlistedServer(name);
  const run = await runAs(fixture, await mcpAgent(server), finn);
  const question = await questionOf(run);
  await fixture.db.pool.query(`select howdah.answer_question($1, 'decline')`, [question.id]);
  expect(await waitForEnd(fixture.db.pool, run)).toMatchObject({ status: 'completed' });
  expect(await stepsOf(fixture.db.pool, run)).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ kind: 'guard', name: 'mcp_server_missing' }),
    ]),
  );
});

test('a run without a user does not ask for the account of a user', async () => {
  const { name } = await makeIntegration(fixture);
  const agent = await mcpAgent(await makeUnlistedServer(name));
  const { rows } = await fixture.db.pool.query(
    `insert into howdah.executions (agent_id, input) values ($1, 'go') returning id`,
    [agent],
  );
  expect(await waitForEnd(fixture.db.pool, rows[0].id)).toMatchObject({ status: 'completed' });
});

test('a run that lacks an account asks for it, and the refusal of a person reaches the model', async () => {
  const { name } = await makeIntegration(fixture);
  const cleo = await makeUser(fixture, 'cleo');
  const agent = await apiAgent(await makeApiTool(fixture, name));
  const run = await runAs(fixture, agent, cleo);
  const question = await questionOf(run);
  await fixture.db.pool.query(`select howdah.answer_question($1, 'decline')`, [question.id]);
  expect(await resultOf(run)).toMatchObject({
    status: 'completed',
    said: expect.stringContaining('nobody connected it'),
  });
});

test('an answer without an account asks again, with another link', async () => {
  const { name } = await makeIntegration(fixture);
  const dora = await makeUser(fixture, 'dora');
  const run = await runAs(fixture, await apiAgent(await makeApiTool(fixture, name)), dora);
  const first = await questionOf(run);
  await fixture.db.pool.query(`select howdah.answer_question($1, 'accept')`, [first.id]);
  await eventually(
    fixture.db.pool,
    'it is asked again',
    `select from howdah.questions where execution_id = $1 and id <> $2 and status = 'open'`,
    [run, first.id],
  );
  const second = await questionOf(run);
  expect(linkIn(second.prompt)).not.toBe(linkIn(first.prompt));
  await consent(linkIn(second.prompt));
  expect(await resultOf(run)).toMatchObject({ status: 'completed' });
});

test('a token that ends soon is refreshed before a call, by one process alone', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  fixture.server.tokenSeconds = 5;
  await consent(await createLink(fixture, name));
  fixture.server.tokenSeconds = 3_600;
  const agent = await apiAgent(await makeApiTool(fixture, name));
  const before = await accountOf(fixture, name);
  const tokenRequests = fixture.server.requests.filter((one) => one === 'POST /token').length;
  const runs = await Promise.all([1, 2, 3, 4].map(() => runAs(fixture, agent, null)));
  for (const run of runs) {
    expect(await resultOf(run)).toMatchObject({ said: expect.stringContaining('ada@example.com') });
  }
  // a second use of a refresh token would have ended the account
  expect(fixture.server.requests.filter((one) => one === 'POST /token').length).toBe(
    tokenRequests + 1,
  );
  const after = await accountOf(fixture, name);
  expect(after.status).toBe('connected');
  expect(after.expires_at.getTime()).toBeGreaterThan(before.expires_at.getTime() + 3_000_000);
});

test('a token that the server refuses is refreshed, and the call is made again', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const server = await makeMcpServer(name);
  const agents = [await apiAgent(await makeApiTool(fixture, name)), await mcpAgent(server)];
  for (const agent of agents) {
    fixture.resource.tokens.length = 0;
    expect(await resultOf(await runAs(fixture, agent, null))).toMatchObject({
      status: 'completed',
    });
    const token = fixture.resource.tokens.at(-1) ?? '';
    fixture.resource.refused.add(token);
    const run = await runAs(fixture, agent, null);
    expect(await resultOf(run)).toMatchObject({
      status: 'completed',
      said: expect.stringContaining('ada@example.com'),
    });
    expect(fixture.resource.tokens.at(-1)).not.toBe(token);
    const steps = await stepsOf(fixture.db.pool, run);
    expect(steps.filter(({ kind }) => kind === 'retry' || kind === 'question')).toEqual([]);
  }
});

test('a refresh token that the server no longer accepts asks the person again', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  fixture.server.tokenSeconds = 5;
  await consent(await createLink(fixture, name));
  for (const token of await fixture.server.refreshTokens()) await token.destroy();
  const run = await runAs(fixture, await apiAgent(await makeApiTool(fixture, name)), null);
  const question = await questionOf(run);
  expect(question.prompt).toContain('the authorization server answered invalid_grant');
  expect(await accountOf(fixture, name)).toMatchObject({
    status: 'expired',
    error: expect.stringContaining('invalid_grant'),
  });
  fixture.server.tokenSeconds = 3_600;
  await consent(linkIn(question.prompt));
  expect(await resultOf(run)).toMatchObject({ status: 'completed' });
});

test('a job refreshes an account before its token ends, and retries while the server is down', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const { id, expires_at, refreshed_at } = await accountOf(fixture, name);
  const job = async () =>
    (
      await fixture.db.pool.query(
        `select j.run_at, j.updated_at, j.task_identifier from graphile_worker.jobs as j where j.key = $1`,
        [`account ${id}`],
      )
    ).rows[0];
  const planned = await job();
  expect(planned.task_identifier).toBe('refresh_account');
  expect(expires_at.getTime() - planned.run_at.getTime()).toBeCloseTo(300_000, -4);
  const now = `select graphile_worker.add_job('refresh_account',
    json_build_object('id', $1::uuid, 'tenant_id', $2::uuid), job_key => 'account ' || $1)`;

  fixture.server.isDown = true;
  await fixture.db.pool.query(now, [id, fixture.tenantId]);
  await eventually(
    fixture.db.pool,
    'the failure is recorded',
    `select from howdah.connected_accounts where id = $1 and status = 'connected' and error is not null`,
    [id],
  );
  const again = await job();
  expect(again.run_at - again.updated_at).toBeGreaterThan(30_000);

  fixture.server.isDown = false;
  await fixture.db.pool.query(now, [id, fixture.tenantId]);
  await eventually(
    fixture.db.pool,
    'the account is refreshed',
    'select from howdah.connected_accounts where id = $1 and refreshed_at > $2 and error is null',
    [id, refreshed_at],
  );
  const next = await job();
  expect(next.run_at - next.updated_at).toBeGreaterThan(3_000_000);
});

test('a disconnected account is at an end at once, and its tokens are revoked and deleted', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const agent = await apiAgent(await makeApiTool(fixture, name));
  await resultOf(await runAs(fixture, agent, null));
  const token = fixture.resource.tokens.at(-1) ?? '';
  expect(await fixture.server.ownerOf(token)).toBeDefined();
  const { id } = await accountOf(fixture, name);
  await fixture.db.pool.query('select howdah.disconnect_account($1)', [id]);
  await waitForRevocations(fixture);
  expect(await fixture.server.ownerOf(token)).toBeUndefined();
  const run = await runAs(fixture, agent, null);
  expect((await questionOf(run)).prompt).toContain('the account of this tenant');
  await fixture.db.pool.query('select howdah.cancel_execution($1)', [run]);
});

test('an account that is connected again at once still has its former tokens revoked', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const agent = await apiAgent(await makeApiTool(fixture, name));
  await resultOf(await runAs(fixture, agent, null));
  const token = fixture.resource.tokens.at(-1) ?? '';
  const { id } = await accountOf(fixture, name);
  const client = await fixture.db.pool.connect();
  try {
    await client.query('begin'); // the job of the revocation starts after the next consent
    await client.query('select howdah.disconnect_account($1)', [id]);
    await client.query(`update graphile_worker._private_jobs set run_at = now() + interval '1 hour'
      where key = (select 'revocation ' || r.id from howdah_private.token_revocations as r)`);
    await client.query('commit');
  } finally {
    client.release();
  }
  await consent(await createLink(fixture, name));
  expect(await fixture.server.ownerOf(token)).toBeDefined();
  const { rows } = await fixture.db.pool.query(
    `select graphile_worker.add_job('revoke_account', j.payload::json, job_key => j.key)
     from graphile_worker._private_jobs as j where j.key like 'revocation %'`,
  );
  expect(rows).toHaveLength(1);
  await waitForRevocations(fixture);
  expect(await fixture.server.ownerOf(token)).toBeUndefined();
  expect(await accountOf(fixture, name)).toMatchObject({ status: 'connected' });
});

test('an account that is disconnected during a refresh stays so, and keeps no tokens', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  fixture.server.tokenSeconds = 5;
  await consent(await createLink(fixture, name));
  const before = new Set((await fixture.server.refreshTokens()).map(({ jti }) => jti));
  const agent = await apiAgent(await makeApiTool(fixture, name));
  const held = Promise.withResolvers<void>();
  fixture.server.beforeToken = held.promise;
  const requestsBefore = fixture.server.requests.length;
  const run = await runAs(fixture, agent, null);
  await vi.waitUntil(
    () => fixture.server.requests.slice(requestsBefore).includes('POST /token'),
    60_000,
  );
  const { id } = await accountOf(fixture, name);
  await fixture.db.pool.query('select howdah.disconnect_account($1)', [id]);
  fixture.server.beforeToken = undefined;
  held.resolve();
  await questionOf(run);
  const left = (await fixture.server.refreshTokens()).filter(({ jti }) => !before.has(jti));
  expect(left).toEqual([]);
  expect(await accountOf(fixture, name)).toMatchObject({ status: 'revoked', expires_at: null });
  await waitForRevocations(fixture);
  await fixture.db.pool.query('select howdah.cancel_execution($1)', [run]);
});

test('an unreadable client secret fails calls, and costs no account its tokens', async () => {
  const client = await registerClient();
  const secret_name = `of_${client.client_id.toLowerCase().replaceAll(/[^a-z0-9]/g, '_')}`;
  await storeSecret(fixture, secret_name, client.client_secret);
  const { client_id } = client;
  const ofTenant = { account_scope: 'tenant', client_id, secret_name };
  const { name } = await makeIntegration(fixture, ofTenant);
  fixture.server.tokenSeconds = 5;
  expect(await consent(await createLink(fixture, name))).toMatchObject({ status: 200 });
  fixture.server.tokenSeconds = 3_600;
  const flip = `update howdah_private.sealed_secrets as c
    set ciphertext = set_byte(c.ciphertext, 0, get_byte(c.ciphertext, 0) # 1)
    from howdah.secrets as s where s.id = c.secret_id and s.name = $1`;
  await fixture.db.pool.query(flip, [secret_name]);
  const agent = await apiAgent(await makeApiTool(fixture, name));
  expect(await resultOf(await runAs(fixture, agent, null))).toMatchObject({
    said: expect.stringContaining(`The secret ${secret_name} cannot be read`),
  });
  expect(await accountOf(fixture, name)).toMatchObject({
    status: 'connected',
    error: expect.stringContaining(secret_name),
  });
  await fixture.db.pool.query(flip, [secret_name]);
  expect(await resultOf(await runAs(fixture, agent, null))).toMatchObject({
    status: 'completed',
    said: expect.stringContaining('ada@example.com'),
  });
  expect(await accountOf(fixture, name)).toMatchObject({ status: 'connected', error: null });
});

test('a refresh with a registered client that is unknown keeps the tokens, not the client', async () => {
  const { name, id } = await makeIntegration(fixture, { account_scope: 'tenant' });
  fixture.server.tokenSeconds = 5;
  await consent(await createLink(fixture, name));
  const agent = await apiAgent(await makeApiTool(fixture, name));
  fixture.server.tokenError = 'invalid_client';
  const result = await resultOf(await runAs(fixture, agent, null));
  fixture.server.tokenError = undefined;
  expect(result.said).toContain('no longer knows the client');
  expect(await versionOf(fixture, id)).toBeUndefined();
  const account = await accountOf(fixture, name);
  expect(account).toMatchObject({
    status: 'connected',
    error: expect.stringContaining('connect the account again'),
  });
  expect(await versionOf(fixture, account.id)).toBeDefined();
});

test('tokens whose seal does not open are named as the cause, and not the server', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  await consent(await createLink(fixture, name));
  const { id } = await accountOf(fixture, name);
  await fixture.db.pool.query(
    `update howdah_private.sealed_documents as d
     set ciphertext = set_byte(d.ciphertext, 0, get_byte(d.ciphertext, 0) # 1) where d.id = $1`,
    [id],
  );
  const { said } = await resultOf(
    await runAs(fixture, await apiAgent(await makeApiTool(fixture, name)), null),
  );
  expect(said).toContain('its sealed tokens or client cannot be read');
  expect(said).not.toContain('authorization server');
});

test('client credentials need no person, and their secret is a secret of the tenant', async () => {
  await storeSecret(fixture, 'robot', CLIENT.client_secret);
  const { name } = await makeIntegration(fixture, {
    account_scope: 'tenant',
    grant_type: 'client_credentials',
    client_id: CLIENT.client_id,
    secret_name: 'robot',
    scopes: ['notes'],
  });
  const agent = await apiAgent(await makeApiTool(fixture, name));
  expect(await resultOf(await runAs(fixture, agent, null))).toMatchObject({
    status: 'completed',
    said: expect.stringContaining(CLIENT.client_id),
  });
  const account = await accountOf(fixture, name);
  expect(account).toMatchObject({ status: 'connected', user_id: null });
  await fixture.db.pool.query('select howdah.disconnect_account($1)', [account.id]);
  expect(await resultOf(await runAs(fixture, agent, null))).toMatchObject({
    said: expect.stringContaining('was disconnected'),
  });
});

test('a client that is disconnected while it gets a token does not use it', async () => {
  const secret_name = 'robot_at_an_end';
  await storeSecret(fixture, secret_name, CLIENT.client_secret);
  const { name } = await makeIntegration(fixture, {
    account_scope: 'tenant',
    grant_type: 'client_credentials',
    client_id: CLIENT.client_id,
    secret_name,
    scopes: ['notes'],
  });
  const agent = await apiAgent(await makeApiTool(fixture, name));
  const held = Promise.withResolvers<void>();
  fixture.server.beforeToken = held.promise;
  const before = fixture.server.requests.length;
  fixture.resource.tokens.length = 0;
  const run = await runAs(fixture, agent, null);
  await vi.waitUntil(() => fixture.server.requests.slice(before).includes('POST /token'), 60_000);
  const { id } = await accountOf(fixture, name);
  await fixture.db.pool.query('select howdah.disconnect_account($1)', [id]);
  fixture.server.beforeToken = undefined;
  held.resolve();
  expect(await resultOf(run)).toMatchObject({
    said: expect.stringContaining('was disconnected'),
  });
  expect(fixture.resource.tokens).toEqual([]);
  expect(await accountOf(fixture, name)).toMatchObject({ status: 'revoked' });
});

test('a run without a user has no account of a user', async () => {
  const { name } = await makeIntegration(fixture);
  const agent = await apiAgent(await makeApiTool(fixture, name));
  expect(await resultOf(await runAs(fixture, agent, null))).toMatchObject({
    status: 'completed',
    said: expect.stringContaining('this run has no user'),
  });
});

test('no token is in a log, a row, an error or an export', async () => {
  const { name } = await makeIntegration(fixture, { account_scope: 'tenant' });
  fixture.server.tokenSeconds = 5;
  await consent(await createLink(fixture, name));
  fixture.server.tokenSeconds = 3_600;
  const agent = await apiAgent(await makeApiTool(fixture, name));
  const run = await runAs(fixture, agent, null);
  await resultOf(run);
  const tokens = [
    ...new Set(fixture.resource.tokens),
    ...(await fixture.server.refreshTokens()).map(({ jti }) => jti),
  ];
  expect(tokens.length).toBeGreaterThan(2);
  const { rows: tables } = await fixture.db.pool.query(
    `select c.oid::regclass::text as name from pg_class as c
     where c.relnamespace::regnamespace::text in ('howdah', 'howdah_private', 'graphile_worker')
       and c.relkind in ('r', 'p')`,
  );
  const texts: [string, string][] = [['the logs', fixture.lines.join('\n')]];
  for (const { name: table } of tables) {
    const { rows } = await fixture.db.pool.query(
      `select string_agg(t::text, ' ') as text from ${table} as t`,
    );
    texts.push([table, rows[0].text ?? '']);
  }
  const { rows } = await fixture.db.pool.query(
    'select howdah.export_run($1, false)::text as text',
    [run],
  );
  texts.push(['the export', rows[0].text]);
  expect(texts.length).toBeGreaterThan(50);
  const found = texts.filter(([, text]) => tokens.some((token) => text.includes(token)));
  expect(found.map(([place]) => place)).toEqual([]);
});
