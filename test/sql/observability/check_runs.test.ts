import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  finish,
  makeAgent,
  makeRun,
  makeTenant,
  makeWorker,
  one,
  openSession,
  refusal,
  rolledBack,
} from '../support.ts';

const db = testDatabase();
const OTHERS = 200;

test('a login whose tenant is deactivated sees the violations of no tenant', async () => {
  const tenant = await makeTenant(db.pool);
  const login = `howdah_test_${randomBytes(6).toString('hex')}`;
  await db.pool.query(`create role ${login} login password 'secret' in role howdah_app`);
  await db.pool.query(
    `insert into howdah_private.login_tenants (login, tenant_id, role) values ($1, $2, 'admin')`,
    [login, tenant],
  );
  const url = Object.assign(new URL(db.url), { username: login, password: 'secret' });
  const client = await openSession(url.toString());
  try {
    expect(await all(client, 'select * from howdah.check_runs()')).toEqual([]);
    await db.pool.query('update howdah.tenants set is_active = false where id = $1', [tenant]);
    expect(await refusal(client.query('select * from howdah.check_runs()'))).toMatchObject({
      code: 'HWDEN',
      message: 'this login acts for no tenant',
    });
  } finally {
    await client.end();
    await db.pool.query('delete from howdah_private.login_tenants where login = $1', [login]);
    await db.pool.query(`drop owned by ${login}; drop role ${login}`);
  }
});

test('a session of the API without a tenant sees the violations of no tenant', async () => {
  const session = await openSession(db.url);
  try {
    // the privileges of a request, with the identity of the API
    await session.query('set session authorization howdah_authenticator; set role howdah_app');
    for (const tenant of ['', null]) {
      await session.query(`select set_config('howdah.tenant_id', $1, false)`, [tenant]);
      expect(await refusal(session.query('select * from howdah.check_runs()'))).toMatchObject({
        code: 'HWDEN',
        message: 'this login acts for no tenant',
      });
    }
  } finally {
    await session.end();
  }
});

test('the runs of other tenants are not read', async () => {
  const worker = await makeWorker(db.pool);
  const other = await makeTenant(db.pool);
  const [agent, foreign] = [
    await makeAgent(db.pool),
    await makeAgent(db.pool, { tenant_id: other }),
  ];
  await finish(db.pool, worker, await makeRun(db.pool, { agent_id: agent }));
  for (let n = 0; n < OTHERS; n += 1) {
    const run = await makeRun(db.pool, { agent_id: foreign, tenant_id: other });
    await finish(db.pool, worker, run);
  }
  await db.pool.query('analyze howdah.executions, howdah.steps, howdah_private.message_log');
  const rowsRead = (statement: string) =>
    rolledBack(db.pool, async (client) => {
      const count = async () =>
        (
          await one<{ rows: number }>(
            client,
            `select sum(seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_xact_user_tables
             where relname ~ '^(steps|message_log|executions|run_heads)'`,
          )
        ).rows;
      const before = await count(); // transactions before this one may be among them
      await all(client, statement);
      return (await count()) - before;
    });
  expect(await rowsRead('select * from howdah.violations')).toBeGreaterThan(OTHERS);
  expect(await rowsRead('select * from howdah.check_runs()')).toBeLessThan(50);
  expect(await one(db.pool, 'select count(*)::int as n from howdah.check_runs()')).toEqual({
    n: 0,
  });
});
