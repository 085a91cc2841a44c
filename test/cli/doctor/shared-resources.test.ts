import { randomBytes } from 'node:crypto';
import type pg from 'pg';
import { expect, test } from 'vitest';
import {
  sharedResourcesFinding,
  stuckStatementsFinding,
  temporaryFilesFinding,
} from '../../../src/cli/doctor/database/shared-resources.ts';
import { createClient } from '../../../src/db/connection/pool.ts';
import { makeTenant, rolledBack } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const db = testDatabase();

test('a query that runs for more than twice its limit is named', async () => {
  expect(await stuckStatementsFinding(db.pool)).toMatchObject({ ok: true, found: 'none' });
  const client = createClient({ url: db.url, applicationName: 'howdah-queries' });
  await client.connect();
  try {
    const { rows } = await client.query('select pg_backend_pid() as pid');
    const slow = client.query('select pg_sleep(1000)').catch((error: Error) => error);
    const isSlow = `select from pg_stat_activity where pid = ${rows[0].pid} and query ~ 'pg_sleep' and state = 'active'`;
    await eventually(db.pool, 'it runs', isSlow);
    const finding = await stuckStatementsFinding(db.pool, 0);
    expect(finding).toMatchObject({ check: 'stuck statements', ok: false });
    expect(finding.found).toContain(`process ${rows[0].pid} of `);
    expect(finding.fix).toContain(`pg_terminate_backend(${rows[0].pid})`);
    await db.pool.query('select pg_terminate_backend($1)', [rows[0].pid]);
    expect(await slow).toBeInstanceOf(Error);
  } finally {
    await client.end().catch(() => {});
  }
});

test('a login without a limit on temporary files is named, if the server has none', async () => {
  const name = `howdah_test_${randomBytes(6).toString('hex')}`;
  const finding = await rolledBack(db.pool, async (client: pg.PoolClient) => {
    await client.query(`create role ${name} login in role howdah_app`);
    return temporaryFilesFinding(client);
  });
  const { rows } = await db.pool.query('show temp_file_limit');
  if (rows[0].temp_file_limit === '-1') {
    expect(finding.fix).toContain(`alter role ${name} set temp_file_limit = '1GB'`);
  } else {
    expect(finding).toMatchObject({ ok: true, found: 'limited' });
  }
});

test('a login of a viewer cannot use up what all share', async () => {
  const name = `howdah_test_${randomBytes(6).toString('hex')}`;
  const tenantId = await makeTenant(db.pool);
  await rolledBack(db.pool, async (client: pg.PoolClient) => {
    await client.query('select howdah_private.restrict_shared_resources()');
    expect(await sharedResourcesFinding(client as never)).toMatchObject({
      found: 'closed to logins of viewers',
    });
    await client.query(`create role ${name} login`);
    await client.query(
      `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'viewer')`,
      [name, tenantId],
    );
    await client.query(`set local role ${name}`);
    for (const statement of [
      'select pg_advisory_lock(1)',
      'select pg_try_advisory_xact_lock_shared(1, 2)',
      'select lo_create(0)',
      `select lo_from_bytea(0, 'x')`,
      `select pg_logical_emit_message(false, 'a', 'b')`,
      'create temporary table t (n int)',
    ]) {
      await client.query('savepoint before');
      await expect(client.query(statement)).rejects.toMatchObject({ code: '42501' });
      await client.query('rollback to savepoint before');
    }
    await client.query('reset role');
    await client.query('grant execute on function pg_advisory_lock(bigint) to public');
    expect(await sharedResourcesFinding(client as never)).toMatchObject({
      found: expect.stringContaining('advisory locks'),
      fix: expect.stringContaining('restrict_shared_resources()'),
    });
  });
});
