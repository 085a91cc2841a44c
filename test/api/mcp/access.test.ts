import { randomUUID } from 'node:crypto';
import http from 'node:http';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { createMcpServer } from '../../../src/mcp-server/mcp-server.ts';
import { makeQuestion } from '../../sql/open-questions.ts';
import { all, makeApiKey, makeTenant, one, unique } from '../../sql/support.ts';
import { MARK, makeTwoTenants } from '../../sql/two-tenants.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestApi, until } from '../harness.ts';
import {
  claimsOf,
  makePerson,
  type Person,
  sign,
  tokenFor,
  tokenOptions,
} from '../subscriptions/tokens.ts';
import { connect, INITIALIZE, post, REVISIONS, type Result, textOf } from './mcp-client.ts';

// Access at `/mcp`: callers are accepted and restricted as at the other interfaces.

const db = testDatabase();
let api: ApiServer;
let tenants: { a: string; b: string };
let ada: Person;
let token: string;
/** One row of the other tenant for each table. */
const theirs: { table: string; id: string }[] = [];

beforeAll(async () => {
  tenants = await makeTwoTenants(db.pool);
  api = await startTestApi(db.url, tokenOptions);
  ada = await makePerson(db.pool, 'ada', tenants.a);
  await db.pool.query(`update howdah.users set role = 'owner' where id = $1`, [ada.user_id]);
  token = await tokenFor(ada, { role: 'owner' });
  const tables = await all(
    db.pool,
    `select c.relname as name from pg_class as c join pg_attribute as x on x.attrelid = c.oid and x.attname = 'id'
     join pg_attribute as t on t.attrelid = c.oid and t.attname = 'tenant_id'
     where c.relnamespace = 'howdah'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
  );
  for (const { name } of tables) {
    const [row] = await all(db.pool, `select id from howdah.${name} where tenant_id = $1 limit 1`, [
      tenants.b,
    ]);
    if (row) theirs.push({ table: name, id: row.id });
  }
});
afterAll(async () => {
  await api?.close();
});

const LIST = { jsonrpc: '2.0', id: 1, method: 'tools/list' };
const bearer = (text: string) => ({ authorization: `Bearer ${text}` });
const keyOf = async (values: object, tenant = tenants.a) =>
  (await makeApiKey(db.pool, tenant, values)).key;

/** Returns a key with a wrong last character, which belongs to the checksum. */
const withWrongChecksum = (key: string) => `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;

describe('the MCP endpoint', () => {
  test('rejects missing and invalid tokens', async () => {
    const claims = claimsOf(ada, { role: 'owner' });
    const bad = [
      undefined,
      'nonsense',
      await sign({ ...claims, aud: 'https://other.example.com/mcp' }),
      await sign(claims, Buffer.from('another secret of thirty-two bytes, no less')),
      await sign({ ...claims, exp: 1 }),
      withWrongChecksum(await keyOf({})),
    ];
    for (const one of bad) {
      const { status, headers, text } = await post(api, LIST, one === undefined ? {} : bearer(one));
      expect({ status, asks: headers.get('www-authenticate')?.split(' ')[0] }).toEqual({
        status: 401,
        asks: 'Bearer',
      });
      expect(JSON.parse(text).code).toBe('HWDEN');
    }
    expect((await post(api, LIST, bearer(token))).status).toBe(200);
    expect((await post(api, LIST, bearer(await keyOf({})))).status).toBe(200);
  });

  test('a request adds few listeners to its response', async () => {
    const warnings: string[] = [];
    const note = ({ name }: Error) => void warnings.push(name);
    process.on('warning', note);
    onTestFinished(() => void process.off('warning', note));
    expect((await post(api, LIST, bearer(token))).status).toBe(200);
    await new Promise(setImmediate); // Node reports a warning in the next tick
    expect(warnings).not.toContain('MaxListenersExceededWarning');
  });

  test('rejects foreign origins and foreign host names', async () => {
    const strange = { ...bearer(token), origin: 'https://evil.example.com' };
    expect((await post(api, LIST, strange)).status).toBe(403);
    const open = await startTestApi(db.url);
    try {
      expect((await post(open, LIST, { origin: 'https://evil.example.com' })).status).toBe(403);
      const status = await new Promise((resolve, reject) => {
        const headers = { host: 'evil.example.com', 'content-type': 'application/json' };
        const request = http.request(
          `${open.url}/mcp`,
          { method: 'POST', headers, agent: false },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        );
        request.on('error', reject).end(JSON.stringify(LIST));
      });
      expect(status).toBe(403);
      expect((await post(open, LIST)).status).toBe(200);
    } finally {
      await open.close();
    }
  });

  test('counts requests against quotas', async () => {
    const tenant = await makeTenant(db.pool);
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value) values ($1, 'tenant', 'requests', 'month', 2)`,
      [tenant],
    );
    const key = await keyOf({}, tenant);
    const statuses: number[] = [];
    for (let i = 0; i < 3; i += 1) statuses.push((await post(api, LIST, bearer(key))).status);
    expect(statuses).toEqual([200, 200, 429]);
  });

  test('does not know a session of another caller', async () => {
    const { headers } = await post(api, INITIALIZE, bearer(token));
    const session = { 'mcp-session-id': headers.get('mcp-session-id') ?? '' };
    expect((await post(api, LIST, { ...session, ...bearer(token) })).status).toBe(200);
    const others = [
      await tokenFor(await makePerson(db.pool, 'eve', tenants.a), { role: 'owner' }),
      await keyOf({}),
      await keyOf({}, tenants.b),
    ];
    for (const other of others) {
      const answer = await post(api, LIST, { ...session, ...bearer(other) });
      const made = await post(api, LIST, { 'mcp-session-id': randomUUID(), ...bearer(other) });
      expect(answer.status).toBe(404);
      expect(answer.text).toBe(made.text);
    }
  });
});

describe.each(REVISIONS)('permissions in revision %s', (revision) => {
  const nameOf = async (tenant: string) =>
    (
      await one(
        db.pool,
        `insert into howdah.agents (tenant_id, name) values ($1, $2) returning name`,
        [tenant, unique('agent')],
      )
    ).name;

  test.each([
    ['a viewer', { role: 'viewer' }],
    ['a user whose scopes only allow reading', { role: 'owner', scopes: ['read'] }],
  ])('%s sees no tools and cannot call any', async (_who, values) => {
    const { id: tenant } = await one(
      db.pool,
      `select id from howdah.tenants where slug = 'default'`,
    );
    const name = await nameOf(tenant);
    const client = await connect(api, { revision, token: await keyOf(values, tenant) });
    expect((await client.listTools()).tools).toEqual([]);
    const call = client.callTool({ name, arguments: { message: 'x' } });
    await expect(call).rejects.toMatchObject({ code: -32602 });
    const { id } = await makeQuestion(db.pool);
    const answered = await client.callTool({
      name: 'answer_question',
      arguments: { question_id: id, answer: 'approve' },
    });
    expect(answered).toMatchObject({ isError: true, _meta: { 'howdah/error': { code: 'HWDEN' } } });
    expect((await client.listResources()).resources.length).toBeGreaterThan(0);
    await client.close();
  });

  test('a restricted agent is a tool only for its grantees', async () => {
    const name = await nameOf(tenants.a);
    const eve = await makePerson(db.pool, unique('eve'), tenants.a);
    await db.pool.query(
      `insert into howdah.grants (tenant_id, agent_id, user_id, permission)
       select a.tenant_id, a.id, $2, 'run' from howdah.agents as a where a.name = $1`,
      [name, eve.user_id],
    );
    const listVisible = async (person: Person) => {
      const client = await connect(api, { revision, token: await tokenFor(person) });
      const { tools } = await client.listTools();
      await client.close();
      return tools.some((tool) => tool.name === name);
    };
    expect(await listVisible(eve)).toBe(true);
    expect(await listVisible(await makePerson(db.pool, unique('bob'), tenants.a))).toBe(false);
  });

  test('a run quota is reported in the text of the result', async () => {
    const tenant = await makeTenant(db.pool);
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value) values ($1, 'tenant', 'runs', 'day', 0)`,
      [tenant],
    );
    const client = await connect(api, { revision, token: await keyOf({}, tenant) });
    const result = await client.callTool({ name: 'development', arguments: { message: 'x' } });
    expect(result).toMatchObject({ isError: true, _meta: { 'howdah/error': { code: 'HWQTA' } } });
    await client.close();
  });

  test('revoking a key ends the call that it started', async () => {
    const { id, key } = await makeApiKey(db.pool, tenants.a, {});
    const name = await nameOf(tenants.a); // without a worker, the run never ends
    const client = await connect(api, { revision, token: key });
    const call = client.callTool({ name, arguments: { message: 'x' } }) as Promise<Result>;
    const runs = () =>
      all(
        db.pool,
        `select e.status from howdah.executions as e join howdah.agents as a on a.id = e.agent_id where a.name = $1`,
        [name],
      );
    await until(async () => (await runs()).length > 0);
    await db.pool.query('update howdah.api_keys set revoked_at = now() where id = $1', [id]);
    const result = await call;
    expect(textOf(result)).toContain('The API key was revoked. (HWDEN)');
    expect(await runs()).toEqual([{ status: 'queued' }]);
  });

  test('rows of another tenant look like missing rows in every method', async () => {
    const client = await connect(api, { revision, token });
    const text = JSON.stringify([
      await client.listTools(),
      await client.listResources(),
      await client.listResourceTemplates(),
      await client.listPrompts(),
    ]);
    expect(text).toContain('belongs-to-a');
    expect(text).not.toContain(MARK);
    const named = { a: 'belongs-to-a', b: MARK, none: 'belongs-to-c' };
    const comparableOutcome = async (work: () => Promise<unknown>, ...names: string[]) => {
      const outcome = await work().then(
        (result) => ({ result }),
        ({ code, message, data }) => ({ code, message, data }),
      );
      return names.reduce((all, name) => all.replaceAll(name, 'IT'), JSON.stringify(outcome));
    };
    const byName = {
      'tools/call': (name: string) => client.callTool({ name, arguments: { message: 'x' } }),
      'prompts/get': (name: string) => client.getPrompt({ name }),
      'resources/read': (name: string) => client.readResource({ uri: `docs://${name}` }),
      'resources/subscribe': (name: string) => client.subscribeResource({ uri: `docs://${name}` }),
      'resources/list': (name: string) => client.listResources({ cursor: `file:docs://${name}` }),
      'resources/templates/list': (name: string) =>
        client.listResourceTemplates({ cursor: `docs://${name}` }),
      'completion/complete': (name: string) =>
        client.complete({ ref: { type: 'ref/prompt', name }, argument: { name: 'x', value: '' } }),
    };
    const byId = {
      'tools/call answer_question': (id: string) =>
        client.callTool({ name: 'answer_question', arguments: { question_id: id, answer: 'x' } }),
      'resources/read': (id: string) => client.readResource({ uri: `howdah://executions/${id}` }),
      'resources/subscribe': (id: string) =>
        client.subscribeResource({ uri: `howdah://executions/${id}` }),
      'resources/unsubscribe': (id: string) =>
        client.unsubscribeResource({ uri: `howdah://executions/${id}` }),
      'resources/list': (id: string) => client.listResources({ cursor: id }),
      'completion/complete': (id: string) =>
        client.complete({
          ref: { type: 'ref/resource', uri: 'howdah://executions/{id}' },
          argument: { name: 'id', value: id },
        }),
    };
    for (const [method, work] of Object.entries(byName)) {
      const foreign = await comparableOutcome(() => work(named.b), named.b);
      expect({ method, said: foreign }).toEqual({
        method,
        said: await comparableOutcome(() => work(named.none), named.none),
      });
    }
    let walked = 0;
    for (const [method, work] of Object.entries(byId)) {
      for (const { table, id } of theirs) {
        // the same timestamp, so that a cursor lists the same rows
        const missingId = `${id.slice(0, 14)}7${id.slice(15, -4)}ffff`;
        const foreign = await comparableOutcome(() => work(id), id);
        expect({ method, table, said: foreign }).toEqual({
          method,
          table,
          said: await comparableOutcome(() => work(missingId), missingId),
        });
        expect(foreign).not.toContain(MARK);
        walked += 1;
      }
    }
    console.info(`isolation in MCP ${revision}: ${walked} ids asked for by 6 methods, 7 by name`);
    await client.close();
  });
});

test('the test above covers every method', () => {
  const target = {
    caller: undefined as never,
    onDisconnect: 'continue',
    isClosing: () => false,
  } as const;
  const server = createMcpServer(target) as unknown as { _requestHandlers: Map<string, unknown> };
  const own = [...server._requestHandlers.keys()].filter((method) => method.includes('/'));
  expect(own.sort()).toEqual([
    'completion/complete',
    'logging/setLevel', // these do not name an id
    'prompts/get',
    'prompts/list',
    'resources/list',
    'resources/read',
    'resources/subscribe',
    'resources/templates/list',
    'resources/unsubscribe',
    'tools/call',
    'tools/list',
  ]);
});
