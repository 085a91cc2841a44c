import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp } from '../../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../../workers/queue/migrate-queue.ts';
import { all, committed, makeAgent, makeUser, one, takeRole } from '../../../sql/support.ts';
import { createDatabaseOfAllMonths } from '../../../support/database.ts';

test('schedules and inbound hooks from before get the author that the audit log has', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const agent = await makeAgent(db.pool);
  const { tenant } = await one(db.pool, 'select howdah.current_tenant() as tenant');
  const { key } = await one(db.pool, `select (howdah.create_api_key('shop', 'admin')).id as key`);
  const ada = await makeUser(db.pool, { username: 'ada', role: 'admin' });
  await db.pool.query(`insert into howdah.secrets (name, fingerprint) values ('hook', '')`);
  const act = (settings: Record<string, string>, statements: string[]) =>
    committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_app', {
        ...{ 'howdah.tenant_id': tenant, 'howdah.role': 'admin', ...settings },
      });
      for (const statement of statements) await client.query(statement);
    });
  const schedule = (name: string) =>
    `insert into howdah.schedules (name, cron, agent_id, input)
     values ('${name}', '0 0 1 1 *', '${agent}', 'x')`;
  await act({ 'howdah.api_key_id': key }, [
    schedule('of shop'),
    schedule('changed'),
    `insert into howdah.inbound_hooks (name, verification, secret_name, agent_id)
     values ('of-shop', 'github', 'hook', '${agent}')`,
  ]);
  await act({ 'howdah.user_id': ada.id }, [
    `update howdah.schedules set is_active = false`,
    `update howdah.inbound_hooks set description = 'of the shop'`,
    `update howdah.schedules set input = 'y' where name = 'changed'`,
  ]);
  await db.pool.query(`update howdah.users set username = 'ada l' where id = $1`, [ada.id]);
  const authors = () =>
    all(
      db.pool,
      `select name, written_by, updated_at from howdah.schedules
       union all select name, written_by, updated_at from howdah.inbound_hooks order by name`,
    );
  const before = await authors();

  while ((await migrateDown(db.url, false))[0] !== '0108_authors_of_definitions');
  await migrateUp(db.url, migrateQueue);
  const after = await authors();
  expect(after.map(({ name, written_by }) => [name, written_by])).toEqual([
    ['changed', 'ada l'],
    ['of shop', 'API key shop'],
    ['of-shop', 'API key shop'],
  ]);
  expect(after.map((row) => row.updated_at)).toEqual(before.map((row) => row.updated_at));
});
