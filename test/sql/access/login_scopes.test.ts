import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { snippetsOf } from '../../docs/snippets.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { all, makeAgent, makeRun, one, openSession, refusal } from '../support.ts';

let db: TestDatabase;
let agent: string;
const logins: string[] = [];
const sessions: pg.Client[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  agent = await makeAgent(db.pool, { name: 'support' });
});
afterAll(async () => {
  for (const client of sessions) await client.end();
  await db.pool.query('delete from howdah_private.login_tenants');
  for (const login of logins) await db.pool.query(`drop owned by ${login}; drop role ${login}`);
  await db.drop();
});

async function makeLogin(options = ''): Promise<string> {
  const login = `howdah_test_${randomBytes(6).toString('hex')}`;
  await db.pool.query(`create role ${login} login password 'secret' ${options}`);
  logins.push(login);
  return login;
}
const bind = (login: string, role: string, scopes: string[] | null) =>
  db.pool.query(
    `insert into howdah_private.login_tenants (login, tenant_id, role, scopes)
     select $1, id, $2, $3 from howdah.tenants where slug = 'default'
     on conflict (login) do update set role = excluded.role, scopes = excluded.scopes`,
    [login, role, scopes],
  );
async function connectAs(login: string): Promise<pg.Client> {
  const url = new URL(db.url);
  Object.assign(url, { username: login, password: 'secret' });
  const client = await openSession(url.toString());
  sessions.push(client);
  return client;
}
const rolesOf = async (login: string) =>
  (
    await all(
      db.pool,
      `select r.rolname as name from pg_auth_members as m join pg_roles as r on r.oid = m.roleid
       where m.member = $1::regrole order by 1`,
      [login],
    )
  ).map(({ name }) => name);

const INSERT = `insert into howdah.executions (agent_id, input, idempotency_key)
  values (howdah.agent('support'), 'x', $1) on conflict do nothing returning id, status`;

test('a login is bound with a role that is named', async () => {
  const login = await makeLogin('in role howdah_app');
  const insert = `insert into howdah_private.login_tenants (login, tenant_id)
    select $1, id from howdah.tenants limit 1`;
  expect((await refusal(db.pool.query(insert, [login]))).code).toBe('23502');
});

describe('a login with the scope runs:create', () => {
  let login: string;
  let client: pg.Client;
  beforeAll(async () => {
    login = await makeLogin('in role howdah_app');
    await bind(login, 'member', ['runs:create']);
    client = await connectAs(login);
  });

  test('has only the role howdah_inserter', async () => {
    expect(await rolesOf(login)).toEqual(['howdah_inserter']);
  });

  test('inserts runs and sees their ids, once for each key', async () => {
    const other = await makeRun(db.pool, { agent_id: agent });
    const { rows } = await client.query(INSERT, ['order 1']);
    expect(rows).toMatchObject([{ status: 'queued' }]);
    expect((await client.query(INSERT, ['order 1'])).rowCount).toBe(0);
    const seen = await all(client, 'select id from howdah.executions');
    expect(seen).toEqual([{ id: rows[0].id }]);
    expect(seen).not.toContainEqual({ id: other });
  });

  test('is told about an agent that does not exist', async () => {
    expect(await refusal(client.query(`select howdah.agent('suport')`))).toMatchObject({
      code: 'HWNTF',
    });
  });

  test.each([
    'select input from howdah.executions',
    'select * from howdah.messages',
    'select instruction from howdah.agents',
    'select * from howdah.users',
    `update howdah.agents set name = 'x'`,
    `insert into howdah.agents (name) values ('mine')`,
    'select howdah.cancel_execution(id) from howdah.executions',
    `do 'begin lock table howdah.executions in exclusive mode; end'`,
  ])('may not %s', async (text) => {
    expect((await refusal(client.query(text))).code).toBe('42501');
  });

  test('is refused as a member of a role that reads', async () => {
    const reader = await makeLogin('in role howdah_analyst');
    expect(await refusal(bind(reader, 'member', ['runs:create']))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'scopes' },
    });
  });

  test('gets the role of its next scopes', async () => {
    const next = await makeLogin();
    const roles = [];
    for (const [role, scopes] of [
      ['member', ['runs:create']],
      ['member', null],
      ['viewer', null],
      ['admin', ['runs:create']],
    ] as const) {
      await bind(next, role, scopes && [...scopes]);
      roles.push(await rolesOf(next));
    }
    expect(roles).toEqual([
      ['howdah_inserter'],
      ['howdah_app'],
      ['howdah_viewer'],
      ['howdah_inserter'],
    ]);
  });
});

test('other scopes limit a login as they limit an API key', async () => {
  const login = await makeLogin('in role howdah_app');
  await bind(login, 'admin', ['read', 'run']);
  const client = await connectAs(login);
  expect((await client.query(INSERT, ['order 2'])).rowCount).toBe(1);
  await client.query(`set howdah.scopes = 'read,run,edit,manage'`);
  expect(
    await refusal(client.query(`insert into howdah.agents (name) values ('mine')`)),
  ).toMatchObject({ code: 'HWDEN', fields: { required_scope: 'edit', scopes: 'read,run' } });
  expect(await one(client, 'select count(*)::int as n from howdah.agents')).toEqual({
    n: expect.any(Number),
  });
});

test('the example of docs/keys.md starts runs for a login that is bound to nothing', async () => {
  const text = snippetsOf('docs/keys.md').find((snippet) => snippet.text.includes('watch_table'));
  await db.pool.query(text?.text ?? '');
  const web = await makeLogin();
  await db.pool.query(
    `grant usage on schema store to ${web}; grant insert on store.orders to ${web}`,
  );
  const client = await connectAs(web);
  await client.query(`insert into store.orders values (1, 'Please hurry.'), (2, '')`);
  expect(
    await all(
      db.pool,
      `select e.input, e.input_trust from howdah.executions as e
       join howdah.watched_rows as w on w.execution_id = e.id`,
    ),
  ).toEqual([{ input: 'Check this note: Please hurry.', input_trust: 'external' }]);
});

test.each([
  [[], 'member'],
  [['runs:create', 'read'], 'member'],
  [['write'], 'member'],
  [['runs:create'], 'viewer'],
])('the scopes %j of a %s are refused', async (scopes, role) => {
  const login = await makeLogin('in role howdah_app');
  expect(['HWINV', '23514']).toContain((await refusal(bind(login, role, scopes))).code);
});
