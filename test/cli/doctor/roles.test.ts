import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { loginsFinding, rolesFinding } from '../../../src/cli/doctor/tenant-isolation.ts';
import { OUR_ROLES } from '../../../src/db/schema/foreign-objects.ts';
import { loginFaults, roleFaults } from '../../../src/db/schema/role-check.ts';
import { all, rolledBack } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

// Roles belong to the cluster, which other tests use too: every change here is rolled back.

const db = testDatabase();
const newName = () => `howdah_test_${randomBytes(6).toString('hex')}`;

const roles = () =>
  all(db.pool, 'select role::text from howdah_private.role_memberships() order by 1');

/** Returns the faults after these statements. */
const faultsAfter = (text: string, of: typeof roleFaults = roleFaults) =>
  rolledBack(db.pool, async (client: pg.PoolClient) => {
    await client.query(text);
    return of(client);
  });

test('the list of roles and memberships is what the migrations make', async () => {
  expect((await roles()).length).toBe(12);
  expect((await roles()).filter(({ role }) => !new RegExp(OUR_ROLES).test(`${role}`))).toEqual([]);
  expect(
    await all(
      db.pool,
      `select r.rolname as role from pg_roles as r
       where r.rolname ~ '^howdah_[a-z]+$' and not r.rolcanlogin order by 1`,
    ),
  ).toEqual(await roles());
  expect(await roleFaults(db.pool)).toEqual([]);
  expect(await rolesFinding(db.pool)).toMatchObject({ check: 'roles', ok: true });
});

const ATTRIBUTES = ['superuser', 'bypassrls', 'createrole', 'createdb', 'replication', 'login'];

test.each(ATTRIBUTES)('each role with the attribute %s is named', async (attribute) => {
  for (const { role } of await roles()) {
    const text = `alter role ${role} ${attribute}`;
    expect(await faultsAfter(text)).toContainEqual({
      object: role,
      fault: `has the attribute ${attribute}`,
      fix: `alter role ${role} no${attribute}`,
    });
  }
});

test.each([
  ['howdah_app', 'howdah_eraser'],
  ['howdah_analyst', 'howdah_app'],
  ['howdah_reader', 'howdah_writer'],
  ['howdah_viewer', 'howdah_app'],
  ['howdah_reader', 'pg_read_server_files'],
  ['howdah_tool', 'pg_execute_server_program'],
  ['howdah_writer', 'pg_write_all_data'],
])('%s is no member of %s', async (member, role) => {
  expect(await faultsAfter(`grant ${role} to ${member}`)).toEqual([
    { object: member, fault: `is a member of ${role}`, fix: `revoke ${role} from ${member}` },
  ]);
});

test('a login that is a member of a role of the engine is named, and one of an owner is not', async () => {
  const name = newName();
  for (const role of ['engine', 'eraser', 'tool', 'reader', 'writer']) {
    expect(await faultsAfter(`create role ${name} login in role howdah_${role}`)).toMatchObject([
      { object: name },
    ]);
  }
  for (const role of ['owner', 'worker', 'authenticator', 'app', 'analyst', 'viewer', 'inserter']) {
    expect(await faultsAfter(`create role ${name} login in role howdah_${role}`)).toEqual([]);
  }
});

test('a missing membership and a role that inherits too much are named', async () => {
  expect(await faultsAfter('revoke howdah_viewer from howdah_analyst')).toMatchObject([
    { object: 'howdah_analyst', fix: 'grant howdah_viewer to howdah_analyst' },
  ]);
  expect(await faultsAfter('alter role howdah_authenticator inherit')).toMatchObject([
    { object: 'howdah_authenticator', fix: 'alter role howdah_authenticator noinherit' },
  ]);
});

test('figures of the server may be granted to the engine', async () => {
  expect(await faultsAfter('grant pg_read_all_stats to howdah_engine')).toEqual([]);
});

const bound = (name: string, role: string) =>
  `create role ${name} login in role howdah_app;
   insert into howdah_private.login_tenants (login, tenant_id, role)
   select '${name}', id, '${role}' from howdah.tenants where slug = 'default'`;

test.each([
  ['bypassrls', (name: string) => `alter role ${name} bypassrls`, false],
  ['superuser', (name: string) => `alter role ${name} superuser`, false],
  ['howdah_worker', (name: string) => `grant howdah_worker to ${name}`, false],
  ['pg_write_all_data', (name: string) => `grant pg_write_all_data to ${name}`, false],
  ['may write to', (name: string) => `grant howdah_app to ${name}`, false],
  ['has no', (name: string) => `alter role ${name} reset all; ${resetIn(name)}`, true],
])('a login of a tenant is named: %s', async (fault, spoil, isNote) => {
  const name = newName();
  const faults = await faultsAfter(
    `${bound(name, 'viewer')}; ${spoil(name)}`,
    loginFaults as never,
  );
  expect(faults).toContainEqual(
    expect.objectContaining({
      object: name,
      fault: expect.stringContaining(fault),
      is_note: isNote,
    }),
  );
});

/** Removes the settings of a login in this database. */
function resetIn(login: string): string {
  const database = new URL(db.url).pathname.slice(1);
  return `alter role ${login} in database ${database} reset all`;
}

test('a login that is bound as documented has no fault', async () => {
  for (const role of ['viewer', 'member', 'admin', 'owner']) {
    const name = newName();
    const faults = await faultsAfter(bound(name, role), loginFaults as never);
    expect(faults.filter(({ object }) => object === name)).toEqual([]);
  }
});

test('a login without time-outs is a note of doctor, and one with too many rights a fault', async () => {
  await rolledBack(db.pool, async (client: pg.PoolClient) => {
    const name = newName();
    await client.query(`create role ${name} login in role howdah_app`);
    expect(await loginsFinding(client)).toMatchObject({
      check: 'logins',
      ok: true,
      found: expect.stringContaining(`${name} has no idle_in_transaction_session_timeout`),
      fix: expect.stringContaining(`alter role ${name} in database`),
    });
    await client.query(`${bound(`${name}_b`, 'member')}; alter role ${name}_b bypassrls`);
    expect(await loginsFinding(client)).toMatchObject({ ok: false });
  });
});
