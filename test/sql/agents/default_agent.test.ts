import { beforeAll, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  isBlocked,
  makeAgent,
  makeSession,
  makeTenant,
  makeUser,
  one,
  rolledBack,
  takeRole,
  testClient,
} from '../support.ts';

const database = testDatabase();
let tenant_id: string;
let ann: string;
let bob: string;

beforeAll(async () => {
  tenant_id = await makeTenant(database.pool);
  ann = (await makeUser(database.pool, { tenant_id, username: 'ann' })).id;
  bob = (await makeUser(database.pool, { tenant_id, username: 'bob' })).id;
  await makeAgent(database.pool, { tenant_id, name: 'desk' });
  await makeAgent(database.pool, { tenant_id, name: 'clerk' });
  await makeAgent(database.pool, { tenant_id, name: 'anns own', user_id: ann });
});

test('the default agent is that of the session, user or tenant, or development', async () => {
  await rolledBack(database.pool, async (client) => {
    const session = await makeSession(client, {
      tenant_id,
      agent_id: (
        await one(client, `select id from howdah.agents where name = 'clerk' and tenant_id = $1`, [
          tenant_id,
        ])
      ).id,
    });
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant_id, 'howdah.user_id': ann });
    const as = (user: string) =>
      client.query(`select set_config('howdah.user_id', $1, true)`, [user]);
    const current = async (id: string | null = null) =>
      (await one(client, 'select name from howdah.current_agent($1)', [id])).name;
    expect(await current()).toBe('development');
    await client.query(`select howdah.set_default_agent('desk')`);
    expect(await current()).toBe('desk');
    await client.query(`select howdah.set_default_agent('clerk')`);
    expect(await current()).toBe('clerk');
    expect((await client.query('select name from howdah.agents where is_default')).rows).toEqual([
      { name: 'clerk' },
    ]);
    await client.query(`update howdah.agents set is_default = true where name = 'anns own'`);
    expect(await current()).toBe('anns own');
    expect(await current(session)).toBe('clerk');
    await as(bob);
    expect(await current()).toBe('clerk');
    await client.query(`select howdah.delete_agent(howdah.agent('clerk'))`);
    expect(await current()).toBe('development');
    await expect(current('01990000-0000-7000-8000-000000000000')).rejects.toMatchObject({
      code: 'HWNTF',
    });
  });
});

test.each([
  ['when the first one edits the previous default agent', 'old'],
  ['when there is no default agent yet', undefined],
])('two transactions that set the default agent wait for each other, %s', async (_, before) => {
  const tenant_id = await makeTenant(database.pool);
  const make = (name: string) =>
    makeAgent(database.pool, { tenant_id, name, is_default: name === before });
  const [old, fresh] = [await make('old'), await make('fresh')];
  const setDefault = 'update howdah.agents set is_default = true where id = $1';
  const [first, second] = [await testClient(database.pool), await testClient(database.pool)];
  await first.query('begin');
  if (before === undefined) await first.query(setDefault, [old]);
  else await first.query(`update howdah.agents set domain = 'music' where id = $1`, [old]);
  const waits = second.query(setDefault, [fresh]);
  await isBlocked(database.pool, second);
  await first.query(setDefault, [old]);
  await first.query('commit');
  await waits;
  expect(
    await all(database.pool, 'select name from howdah.agents where tenant_id = $1 and is_default', [
      tenant_id,
    ]),
  ).toEqual([{ name: 'fresh' }]);
});
