import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { all, one, openSession, refusal, refusedInside, rolledBack } from '../support.ts';

let db: TestDatabase;
let tenant: string;
const roles: string[] = [];
const sessions: pg.Client[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  ({ id: tenant } = await one(db.pool, `select id from howdah.tenants where slug = 'default'`));
});
afterAll(async () => {
  for (const client of sessions) await client.end();
  await db.pool.query('delete from howdah_private.login_tenants');
  for (const role of roles.reverse()) {
    await db.pool.query(`drop owned by ${role}; drop role ${role}`);
  }
  await db.drop();
});

async function makeRole(options: string): Promise<string> {
  const role = `howdah_test_${randomBytes(6).toString('hex')}`;
  roles.push(role);
  await db.pool.query(`create role ${role} ${options}`);
  return role;
}

const makeLogin = (options = 'in role howdah_app') =>
  makeRole(`login password 'secret' ${options}`);

const bind = (login: string, role: string) =>
  db.pool.query(
    `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, $3)
     on conflict (login) do update set role = excluded.role`,
    [login, tenant, role],
  );

async function connectAs(login: string): Promise<pg.Client> {
  const url = new URL(db.url);
  Object.assign(url, { username: login, password: 'secret' });
  const client = await openSession(url.toString());
  sessions.push(client);
  return client;
}

const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    ({ code }) => code,
  );

const STRONG = ['share', 'share row exclusive', 'exclusive', 'access exclusive'];
const TABLES = `select c.oid::regclass::text as name from pg_class as c
  where c.relnamespace in ('howdah'::regnamespace, 'howdah_private'::regnamespace, 'graphile_worker'::regnamespace)
    and c.relkind in ('r', 'p', 'v') order by 1`;

describe('the login of a viewer', () => {
  test('locks no table against others, though it was made with howdah_app', async () => {
    const login = await makeLogin();
    await bind(login, 'viewer');
    const client = await connectAs(login);
    const tables = await all(db.pool, TABLES);
    expect(tables.length).toBeGreaterThan(100);
    const locked = [];
    for (const { name } of tables) {
      for (const mode of [...STRONG, 'row exclusive', 'share update exclusive', 'row share']) {
        await client.query('begin');
        const code = await codeOf(client.query(`lock table ${name} in ${mode} mode nowait`));
        await client.query('rollback');
        if (code !== '42501') locked.push({ name, mode, code });
      }
    }
    expect(locked).toEqual([]);
    for (const name of ['agents', 'executions', 'models']) {
      await client.query(`select 1 from howdah.${name}`);
      expect(await codeOf(client.query(`select id from howdah.${name} for key share`))).toBe(
        '42501',
      );
      expect(await codeOf(client.query(`delete from howdah.${name}`))).toBe('42501');
    }
  });

  test('reads what a viewer may read, and no table that is open to queries of models', async () => {
    await db.pool.query(
      `create schema if not exists shop; create table shop.prices (id int);
       grant usage on schema shop to howdah_analyst; grant select on shop.prices to howdah_analyst`,
    );
    const login = await makeLogin();
    await bind(login, 'viewer');
    const client = await connectAs(login);
    expect(await all(client, 'select distinct tenant_id from howdah.models')).toEqual([
      { tenant_id: tenant },
    ]);
    for (const view of ['execution_tree', 'agent_performance', 'model_usage', 'setting_values']) {
      await client.query(`select * from howdah.${view}`);
    }
    await client.query(`select howdah.agent('development')`);
    expect(await codeOf(client.query('select * from shop.prices'))).toBe('42501');
    expect(await codeOf(client.query('select * from howdah.audit_log'))).toBe(null);
    expect(await all(client, 'select * from howdah.audit_log')).toEqual([]);
  });

  test('gets its rights back when it becomes a member, and loses them again', async () => {
    const login = await makeLogin();
    const rights = () =>
      one(
        db.pool,
        `select pg_has_role($1, 'howdah_app', 'member') as app, howdah_private.table_locked_by($1) is not null as locks`,
        [login],
      );
    await bind(login, 'member');
    expect(await rights()).toEqual({ app: true, locks: true });
    await bind(login, 'viewer');
    expect(await rights()).toEqual({ app: false, locks: false });
    await bind(login, 'admin');
    expect(await rights()).toEqual({ app: true, locks: true });
  });

  test.each([
    ['a role in between', (login: string) => makeRole(`in role howdah_app role ${login}`)],
    [
      'a role of the server',
      (login: string) => db.pool.query(`grant pg_write_all_data to ${login}`),
    ],
    [
      'a grant of its own',
      (login: string) => db.pool.query(`grant delete on howdah.models to ${login}`),
    ],
  ])('is refused if it may still write by %s', async (_how, give) => {
    const login = await makeLogin();
    await give(login);
    expect(await refusal(bind(login, 'viewer'))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'role', login },
    });
    expect(
      await all(db.pool, `select from howdah_private.login_tenants where login = $1`, [login]),
    ).toEqual([]);
  });

  test('may be made with howdah_viewer from the start', async () => {
    const login = await makeLogin('in role howdah_viewer');
    await bind(login, 'viewer');
    const client = await connectAs(login);
    expect(await one(client, 'select howdah.current_user_role() as role')).toEqual({
      role: 'viewer',
    });
  });
});

describe('a login', () => {
  test.each([
    ['that bypasses row security', 'bypassrls'],
    ['in howdah_eraser, which reads all tenants', 'in role howdah_eraser'],
    ['in howdah_engine', 'in role howdah_engine'],
  ])('%s is not bound to a tenant', async (_who, options) => {
    await rolledBack(db.pool, async (client) => {
      await client.query(`create role howdah_test_unfit login ${options}`);
      const insert = `insert into howdah_private.login_tenants (login, tenant_id, role) values ('howdah_test_unfit', $1, 'member')`;
      expect(await refusedInside(client, insert, [tenant])).toMatchObject({ code: 'HWINV' });
    });
  });

  test('gets time-outs where it is bound, and keeps those that it has', async () => {
    const login = await makeLogin();
    await db.pool.query(
      `alter role ${login} set statement_timeout = '7s'; alter role ${login} set lock_timeout = 0`,
    );
    await bind(login, 'member');
    const client = await connectAs(login);
    const { timeouts } = await one(
      client,
      `select jsonb_object_agg(name, setting) as timeouts from pg_settings
       where name in ('statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout', 'transaction_timeout')`,
    );
    const isNew = 'transaction_timeout' in timeouts; // from PostgreSQL 17 on
    expect(timeouts).toEqual({
      statement_timeout: '7000',
      lock_timeout: '10000',
      idle_in_transaction_session_timeout: '60000',
      ...(isNew && { transaction_timeout: '60000' }),
    });
    expect(
      await all(db.pool, 'select * from howdah_private.missing_timeouts($1)', [login]),
    ).toEqual([]);
  });
});
