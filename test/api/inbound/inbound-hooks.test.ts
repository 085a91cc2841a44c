import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { createMasterKeys } from '../../../src/secrets/master-keys.ts';
import { all, makeAgent, makeTenant, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';
import {
  type Format,
  makeHook,
  masterKeys,
  SECRETS,
  send,
  signedHeaders,
  storeSecrets,
} from './support.ts';

const db = testDatabase();
let api: ApiServer;
/** A second API process. Both processes share their state only through the database. */
let second: ApiServer;
let agent: string;
let tenant: string;

beforeAll(async () => {
  api = await startTestApi(db.url, { ...tokenOptions, masterKeys });
  second = await startTestApi(db.url, { ...tokenOptions, masterKeys });
  tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id;
  await storeSecrets(db.pool, tenant);
  agent = await makeAgent(db.pool);
});
afterAll(async () => {
  await api?.close();
  await second?.close();
});

const runsOf = (name: string) =>
  all(
    db.pool,
    `select e.id, e.input, e.input_data, e.metadata, e.input_trust, e.session_id, e.turn, e.user_id
     from howdah.executions as e where e.metadata ->> 'hook' = $1 order by e.id`,
    [name],
  );
const deliveriesOf = (id: string) =>
  all(
    db.pool,
    `select d.status, d.requests, d.delivery_id, d.execution_id, d.error ->> 'code' as code, d.bytes
     from howdah.inbound_deliveries as d where d.inbound_hook_id = $1 order by d.id`,
    [id],
  );
/** Waits for the row of the requests that were refused for a reason. */
const waitForRefusal = (id: string, code: string) =>
  eventually<{ requests: number }>(
    db.pool,
    `the row of requests refused for ${code}`,
    `select d.requests from howdah.inbound_deliveries as d
     where d.inbound_hook_id = $1 and d.status = 'refused' and d.error ->> 'code' = $2`,
    [id, code],
  );

const FORMATS = Object.keys(SECRETS) as Format[];

// concurrent, because the numbers of rejected requests are written once a second
describe.each(FORMATS)('%s', { concurrent: true }, (format) => {
  const event = () => ({ id: `evt_${crypto.randomUUID()}`, event_id: crypto.randomUUID(), a: 'b' });

  test('a signed request begins a run without a login, and its repeats begin no other', async () => {
    const hook = await makeHook(db.pool, format, { agent_id: agent });
    const body = event();
    const id = crypto.randomUUID();
    const first = await send(api, hook.path, format, body, { id });
    expect(first).toMatchObject({
      status: 202,
      body: { status: 'accepted', is_repeat: false, execution_id: expect.any(String) },
    });
    const again = await send(api, hook.path, format, body, { id, at: Date.now() / 1_000 + 1 });
    expect(again).toMatchObject({
      status: 200,
      body: { status: 'accepted', is_repeat: true, execution_id: first.body.execution_id },
    });
    expect(await runsOf(hook.name)).toMatchObject([
      { id: first.body.execution_id, input: JSON.stringify(body), input_trust: 'external' },
    ]);
    expect(await deliveriesOf(hook.id)).toMatchObject([
      { status: 'accepted', requests: 2, execution_id: first.body.execution_id },
    ]);
  });

  test('eight requests of one delivery at once, to two servers, begin one run', async () => {
    const hook = await makeHook(db.pool, format, { agent_id: agent });
    const body = event();
    const id = crypto.randomUUID();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        send(index % 2 === 0 ? api : second, hook.path, format, body, { id }),
      ),
    );
    expect(answers.map(({ status }) => status).toSorted()).toEqual([
      ...Array.from({ length: 7 }, () => 200),
      202,
    ]);
    expect(new Set(answers.map((one) => one.body.execution_id)).size).toBe(1);
    expect(await runsOf(hook.name)).toHaveLength(1);
  });

  test('a forged, an unsigned and a changed request are refused alike, as is a missing hook', async () => {
    const hook = await makeHook(db.pool, format, { agent_id: agent });
    const unsigned = await call(api, 'POST', hook.path, event());
    const forged = await send(api, hook.path, format, event(), { secret: 'another-secret' });
    const missing = await send(api, '/hooks/no-such-hook', format, event());
    const foreign = await send(api, `/hooks/no-such-tenant/${hook.name}`, format, event());
    expect(unsigned).toMatchObject({ status: 401, body: { code: 'HWDEN' } });
    for (const other of [forged, missing, foreign]) {
      expect(other.status).toBe(401);
      expect(other.body).toEqual(unsigned.body);
    }
    if (format !== 'shared_secret') {
      const headers = signedHeaders(format, JSON.stringify({ a: 'c' }));
      const changed = await send(api, hook.path, format, { a: 'b' }, { headers });
      expect(changed.body).toEqual(unsigned.body);
    }
    expect(await runsOf(hook.name)).toEqual([]);
    await waitForRefusal(hook.id, 'unsigned');
    await waitForRefusal(hook.id, 'wrong_signature');
  });
});

test.each<Format>(['standard_webhooks', 'stripe', 'slack'])(
  'a late request of %s is refused, and so is one of the future',
  { concurrent: true },
  async (format) => {
    const hook = await makeHook(db.pool, format, { agent_id: agent });
    for (const at of [Date.now() / 1_000 - 310, Date.now() / 1_000 + 310]) {
      expect(await send(api, hook.path, format, { id: 'x' }, { at })).toMatchObject({
        status: 401,
      });
    }
    expect((await waitForRefusal(hook.id, 'late')).requests).toBeGreaterThan(0);
    expect(await runsOf(hook.name)).toEqual([]);
  },
);

test('oversized, deep and unreadable bodies, and other types, are refused with their reason', {
  concurrent: true,
}, async () => {
  const hook = await makeHook(db.pool, 'shared_secret', { agent_id: agent });
  const sendBody = (body: string, headers = {}) =>
    send(api, hook.path, 'shared_secret', body, { headers });
  expect(await sendBody(`"${'x'.repeat(1024 * 1024)}"`)).toMatchObject({ status: 413 });
  expect(
    await sendBody('{}', { 'content-type': 'application/x-www-form-urlencoded' }),
  ).toMatchObject({
    status: 415,
  });
  expect(await sendBody(`${'['.repeat(200)}${']'.repeat(200)}`)).toMatchObject({ status: 400 });
  expect(await sendBody('{"a": 1, "a": 2}')).toMatchObject({ status: 400 });
  expect(await sendBody('no JSON')).toMatchObject({ status: 400, body: { code: 'HWINV' } });
  for (const code of ['too_large', 'wrong_content_type', 'invalid_json']) {
    await waitForRefusal(hook.id, code);
  }
  expect(await runsOf(hook.name)).toEqual([]);
});

test('a secret that cannot be read is refused as an unknown hook is', {
  concurrent: true,
}, async () => {
  const other = await startTestApi(db.url, {
    ...tokenOptions,
    masterKeys: createMasterKeys({ keys: [], file: undefined }),
  });
  try {
    const hook = await makeHook(db.pool, 'github', { agent_id: agent });
    const sent = await send(other, hook.path, 'github', { a: 'b' });
    const missing = await send(other, '/hooks/no-such-hook', 'github', { a: 'b' });
    expect(sent).toMatchObject({ status: 401 });
    expect(sent.body).toEqual(missing.body);
    await waitForRefusal(hook.id, 'unusable_secret');
  } finally {
    await other.close();
  }
});

test('a request to GitHub’s hook with another delivery id is a repeat, since the id is not signed', async () => {
  const hook = await makeHook(db.pool, 'github', { agent_id: agent });
  const first = await send(api, hook.path, 'github', { action: 'opened' }, { id: 'one' });
  const again = await send(api, hook.path, 'github', { action: 'opened' }, { id: 'two' });
  expect(again.body).toMatchObject({ is_repeat: true, execution_id: first.body.execution_id });
});

test('GitHub’s ping and Slack’s challenge are answered, and begin no run', async () => {
  const github = await makeHook(db.pool, 'github', { agent_id: agent });
  const ping = await send(
    api,
    github.path,
    'github',
    { zen: 'Keep it simple.' },
    { headers: { 'x-github-event': 'ping' } },
  );
  expect(ping).toMatchObject({ status: 200, body: { status: 'ignored', reason: 'ping' } });
  const slack = await makeHook(db.pool, 'slack', { agent_id: agent });
  const challenge = { type: 'url_verification', challenge: '3eZbrw1aBm2rZgRNFdxV2595E9CY3gmd' };
  expect(await send(api, slack.path, 'slack', challenge)).toMatchObject({
    status: 200,
    body: { challenge: challenge.challenge },
  });
  expect((await call(api, 'POST', slack.path, challenge)).status).toBe(401);
  expect([...(await runsOf(github.name)), ...(await runsOf(slack.name))]).toEqual([]);
});

test('the previous secret is accepted during a rotation', async () => {
  const hook = await makeHook(db.pool, 'stripe', {
    agent_id: agent,
    secret_name: 'slack',
    previous_secret_name: 'stripe',
  });
  for (const secret of [SECRETS.slack, SECRETS.stripe]) {
    const sent = await send(api, hook.path, 'stripe', { id: crypto.randomUUID() }, { secret });
    expect(sent.status).toBe(202);
  }
});

test('a hook that is not active, or whose tenant is not, is like no hook', async () => {
  const other = await makeTenant(db.pool);
  await storeSecrets(db.pool, other);
  const columns = { agent_id: await makeAgent(db.pool, { tenant_id: other }), tenant_id: other };
  const hook = await makeHook(db.pool, 'shared_secret', columns);
  const slug = (await one(db.pool, 'select slug from howdah.tenants where id = $1', [other])).slug;
  expect(hook.path).toBe(`/hooks/${slug}/${hook.name}`);
  expect((await send(api, hook.path, 'shared_secret', {})).status).toBe(202);
  expect((await send(api, `/hooks/${hook.name}`, 'shared_secret', {})).status).toBe(401);
  const runs = await all(
    db.pool,
    `select e.tenant_id from howdah.executions as e where e.metadata ->> 'hook' = $1`,
    [hook.name],
  );
  expect(runs).toEqual([{ tenant_id: other }]);
  const off = await makeHook(db.pool, 'shared_secret', { ...columns, is_active: false });
  expect((await send(api, off.path, 'shared_secret', {})).status).toBe(401);
});

test('a hundred refused requests make one row, and a restart loses none', async () => {
  const hook = await makeHook(db.pool, 'github', { agent_id: agent });
  const third = await startTestApi(db.url, { ...tokenOptions, masterKeys });
  for (let part = 0; part < 10; part += 1) {
    await Promise.all(
      Array.from({ length: 10 }, () =>
        send(third, hook.path, 'github', { part }, { secret: 'wrong' }),
      ),
    );
  }
  await third.close();
  expect(await deliveriesOf(hook.id)).toMatchObject([
    { status: 'refused', code: 'wrong_signature', requests: 100 },
  ]);
});

describe('expressions', () => {
  test('condition, input, data, metadata and agent come from the body and the headers', async () => {
    const other = await one(db.pool, `select name from howdah.agents where id = $1`, [
      await makeAgent(db.pool),
    ]);
    const hook = await makeHook(db.pool, 'github', {
      agent_id: agent,
      condition: "headers['x-github-event'] == 'issues' && body.action == 'opened'",
      mapping: {
        agent: "body.issue.labels.exists(l, l == 'urgent') ? body.agent : null",
        input: "'Issue ' + string(body.issue.number) + ': ' + body.issue.title",
        input_data: 'body.issue',
        metadata: "{'issue': body.issue.number}",
      },
    });
    const issue = { number: 7, title: 'It fails', labels: ['urgent'] };
    const closed = await send(api, hook.path, 'github', { action: 'closed', issue });
    expect(closed.body).toMatchObject({ status: 'ignored', reason: 'the condition is false' });
    const opened = await send(api, hook.path, 'github', {
      action: 'opened',
      issue,
      agent: other.name,
    });
    expect(opened.status).toBe(202);
    expect(await runsOf(hook.name)).toMatchObject([
      {
        input: 'Issue 7: It fails',
        input_data: issue,
        metadata: { issue: 7, hook: hook.name, delivery_id: expect.any(String) },
      },
    ]);
    const [run] = await all(db.pool, 'select agent_id from howdah.executions where id = $1', [
      opened.body.execution_id,
    ]);
    expect(run?.agent_id).not.toBe(agent);
  });

  test.for<[object, string]>([
    [{ mapping: { input: 'body.missing' } }, 'mapping.input'],
    [{ mapping: { input: 'body.+' } }, 'mapping.input'],
    [{ mapping: { metadata: "'text'" } }, 'mapping.metadata'],
    [{ mapping: { agent: 'body' } }, 'mapping.agent'],
    [{ condition: '1 + 1' }, 'condition'],
    [{ session_key: '[1]' }, 'session_key'],
    [{ condition: "body.text.matches('^(a+)+$')" }, 'condition'],
  ])(
    'the fault of %j is recorded with its field',
    { concurrent: true },
    async ([columns, field], { expect }) => {
      const hook = await makeHook(db.pool, 'shared_secret', { agent_id: agent, ...columns });
      const id = crypto.randomUUID();
      const body = { text: `${'a'.repeat(60)}!` };
      const failed = await send(api, hook.path, 'shared_secret', body, { id });
      expect(failed).toMatchObject({ status: 400, body: { code: 'HWINV', field } });
      expect(await deliveriesOf(hook.id)).toMatchObject([{ status: 'failed', code: 'HWINV' }]);
      await db.pool.query(
        `update howdah.inbound_hooks set mapping = '{}', condition = null, session_key = null where id = $1`,
        [hook.id],
      );
      const again = async () => (await send(api, hook.path, 'shared_secret', body, { id })).status;
      await expect.poll(again, { interval: 100 }).toBe(202);
      expect(await deliveriesOf(hook.id)).toMatchObject([{ status: 'accepted', code: null }]);
    },
  );

  test('headers with a secret are not in them', async () => {
    const hook = await makeHook(db.pool, 'shared_secret', {
      agent_id: agent,
      secret_header: 'X-Gitlab-Token',
      mapping: { input_data: 'headers' },
    });
    const headers = { 'x-gitlab-token': SECRETS.shared_secret, cookie: 'a=b', 'x-kept': 'yes' };
    expect((await send(api, hook.path, 'shared_secret', {}, { headers })).status).toBe(202);
    const [run] = await runsOf(hook.name);
    expect(run?.input_data).toMatchObject({ 'x-kept': 'yes' });
    expect(JSON.stringify(run?.input_data)).not.toContain(SECRETS.shared_secret);
    expect(Object.keys(run?.input_data)).not.toContain('authorization');
  });
});

test('deliveries with one session key are turns of one session, also when they come at once', async () => {
  const hook = await makeHook(db.pool, 'shared_secret', {
    agent_id: agent,
    session_key: 'body.thread',
  });
  const sent = await Promise.all(
    ['a', 'a', 'a', 'b'].map((thread) => send(api, hook.path, 'shared_secret', { thread })),
  );
  expect(sent.map(({ status }) => status)).toEqual([202, 202, 202, 202]);
  const runs = await runsOf(hook.name);
  const sessions = Map.groupBy(runs, (run) => run.session_id);
  expect([...sessions.values()].map((list) => list.map(({ turn }) => turn).toSorted())).toEqual(
    expect.arrayContaining([[1, 2, 3], [1]]),
  );
});

test('deliveries with one debounce key make one run, for the newest', async () => {
  const hook = await makeHook(db.pool, 'shared_secret', {
    agent_id: agent,
    mapping: { input: 'body.text' },
    debounce_key: 'body.ticket',
    debounce_ms: 60_000,
  });
  const ids = [];
  for (const text of ['one', 'two']) {
    const sent = await send(api, hook.path, 'shared_secret', { ticket: 4711, text });
    ids.push(sent.body.execution_id);
  }
  expect(ids[0]).toBe(ids[1]);
  expect(await runsOf(hook.name)).toMatchObject([{ input: 'two' }]);
});

describe('the run acts as the user of the hook', () => {
  test('and is refused when that user may no longer run the agent', async () => {
    const { id: user } = await one(
      db.pool,
      `insert into howdah.users (username, role) values ($1, 'admin') returning id`,
      [`hooker-${crypto.randomUUID()}`],
    );
    const hook = await makeHook(db.pool, 'shared_secret', { agent_id: agent, user_id: user });
    expect((await send(api, hook.path, 'shared_secret', {})).status).toBe(202);
    expect(await runsOf(hook.name)).toMatchObject([{ user_id: user }]);
    await db.pool.query(`update howdah.users set role = 'viewer' where id = $1`, [user]);
    expect(await send(api, hook.path, 'shared_secret', {})).toMatchObject({
      status: 403,
      body: { code: 'HWDEN' },
    });
    expect((await deliveriesOf(hook.id)).map(({ status }) => status)).toEqual([
      'accepted',
      'failed',
    ]);
  });

  test('an agent that is not active refuses the delivery, which is recorded', async () => {
    const off = await makeAgent(db.pool, { is_active: false });
    const hook = await makeHook(db.pool, 'shared_secret', { agent_id: off });
    expect(await send(api, hook.path, 'shared_secret', {})).toMatchObject({
      status: 409,
      body: { code: 'HWCNF' },
    });
  });

  test('limits of the tenant hold: the sender gets 429', async () => {
    const limited = await makeTenant(db.pool);
    await storeSecrets(db.pool, limited);
    const columns = {
      agent_id: await makeAgent(db.pool, { tenant_id: limited }),
      tenant_id: limited,
    };
    const hook = await makeHook(db.pool, 'shared_secret', columns);
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
       values ($1, 'tenant', 'runs', 'day', 1)`,
      [limited],
    );
    expect((await send(api, hook.path, 'shared_secret', {})).status).toBe(202);
    const second = await send(api, hook.path, 'shared_secret', {});
    expect(second).toMatchObject({ status: 429, body: { code: 'HWQTA' } });
    expect(second.headers.get('retry-after')).toMatch(/^\d+$/);
  });
});

test('a limit of requests holds before the body is parsed', async () => {
  const limited = await makeTenant(db.pool);
  await storeSecrets(db.pool, limited);
  const agent_id = await makeAgent(db.pool, { tenant_id: limited });
  const hook = await makeHook(db.pool, 'shared_secret', { agent_id, tenant_id: limited });
  await db.pool.query(
    `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
     values ($1, 'tenant', 'requests', 'hour', 1)`,
    [limited],
  );
  expect((await send(api, hook.path, 'shared_secret', {})).status).toBe(202);
  const late = await send(api, hook.path, 'shared_secret', 'no JSON');
  expect(late).toMatchObject({ status: 429, body: { code: 'HWQTA' } });
  const forged = await send(api, hook.path, 'shared_secret', {}, { secret: 'wrong' });
  expect(forged.status).toBe(401); // not counted
});

test.each(['known', 'unknown'])(
  'slow senders to an %s address get the same answers',
  async (kind) => {
    const hook = await makeHook(db.pool, 'github', { agent_id: agent });
    const path = kind === 'known' ? hook.path : '/hooks/no-such-hook';
    const { port } = new URL(api.url);
    const answers: string[] = [];
    const sockets = Array.from({ length: 17 }, () => {
      const socket = connect(Number(port), '127.0.0.1');
      socket.on('error', () => {});
      socket.on('data', (data) => answers.push(String(data).slice(9, 12)));
      socket.write(
        `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
          `Content-Length: ${1024 * 1024}\r\n\r\n{`,
      );
      return socket;
    });
    await expect.poll(() => answers).toEqual(['503']);
    expect((await send(api, path, 'github', { a: 'b' }, { secret: 'wrong' })).status).toBe(401);
    for (const socket of sockets) socket.destroy();
  },
);

test('senders that never finish do not keep others from a hook', async () => {
  const hook = await makeHook(db.pool, 'github', { agent_id: agent });
  const { port } = new URL(api.url);
  const answers: string[] = [];
  const slow = Array.from({ length: 20 }, () => {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('error', () => {});
    socket.on('data', (data) => answers.push(String(data).slice(9, 12)));
    socket.write(
      `POST ${hook.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n` +
        `Content-Length: ${1024 * 1024}\r\n\r\n{`,
    );
    return socket;
  });
  await expect.poll(() => answers).toEqual(['503', '503', '503', '503']);
  expect((await send(api, hook.path, 'github', { a: 'b' })).status).toBe(202);
  for (const socket of slow) socket.destroy();
});

test('other paths still need a login, and a hook takes only POST', async () => {
  expect((await call(api, 'GET', '/api/inbound-hooks')).status).toBe(401);
  expect((await call(api, 'GET', '/hooks/x')).status).toBe(404);
  expect((await call(api, 'POST', '/hooks/../api/agents', {})).status).toBe(401);
  expect((await call(api, 'POST', '/hooks/a/b/c', {})).status).toBe(404);
});

test('on a server without login, a hook is reached under a foreign name, as through a tunnel', async () => {
  const open = await startTestApi(db.url, { masterKeys });
  try {
    const hook = await makeHook(db.pool, 'github', { agent_id: agent });
    const host = { host: 'tunnel.example.com', origin: 'https://tunnel.example.com' };
    const { request } = await import('node:http');
    const statusOf = (path: string, headers: Record<string, string>) =>
      new Promise<number>((resolve, reject) => {
        const body = '{"tunnel": true}';
        const sent = request(`${open.url}${path}`, {
          method: 'POST',
          headers: {
            'content-type': 'application/json',
            ...signedHeaders('github', body),
            ...headers,
          },
        });
        sent.on('response', (answer) => resolve(answer.resume().statusCode ?? 0));
        sent.on('error', reject);
        sent.end(body);
      });
    expect(await statusOf(hook.path, host)).toBe(202);
    expect(await statusOf('/api/agents', host)).toBe(403);
  } finally {
    await open.close();
  }
});
