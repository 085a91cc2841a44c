import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { all, makeTenant, makeUser, one, refusedInside, rolledBack, takeRole } from '../support.ts';

// Who sees and who changes the saved views of a tenant.

const db = testDatabase();
let tenant: string;
let ada: string;
let bob: string;
let admin: string;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
  const user = async (username: string, role: string) =>
    (await makeUser(db.pool, { tenant_id: tenant, username, role })).id;
  ada = await user('ada', 'member');
  bob = await user('bob', 'member');
  admin = await user('boss', 'admin');
});

type Client = Parameters<typeof takeRole>[0];

/** Acts as a user of the tenant, or as a key without a user. */
async function actAs(client: Client, user: string | undefined, role = 'member') {
  await client.query('reset role');
  await takeRole(client, 'howdah_app', {
    'howdah.tenant_id': tenant,
    'howdah.user_id': user ?? '',
    'howdah.role': role,
  });
}

const save = (client: Client, name: string, is_shared = false) =>
  one(
    client,
    `insert into howdah.saved_views (name, place, filter, is_shared)
     values ($1, 'runs', '{"status": "failed"}', $2) returning id, user_id`,
    [name, is_shared],
  );
const names = async (client: Client) =>
  (await all(client, 'select name from howdah.saved_views order by name')).map(({ name }) => name);

describe('a saved view', () => {
  test('of another user cannot be hidden by an admin, but changed and deleted', () =>
    rolledBack(db.pool, async (client) => {
      await actAs(client, ada);
      await save(client, 'ours', true);
      await actAs(client, admin, 'admin');
      expect(
        await refusedInside(client, 'update howdah.saved_views set is_shared = false'),
      ).toMatchObject({
        code: 'HWDEN',
        message: expect.stringContaining('only its user may stop'),
      });
      await client.query(`update howdah.saved_views set name = 'failed runs'`);
      await client.query('delete from howdah.saved_views');
      expect(await names(client)).toEqual([]);
    }));

  test('has a filter of at most 4,000 bytes', () =>
    rolledBack(db.pool, async (client) => {
      await actAs(client, ada);
      await save(client, 'mine');
      const long = `update howdah.saved_views set filter = jsonb_build_object('q', repeat('x', 4000))`;
      expect(await refusedInside(client, long)).toMatchObject({
        code: 'HWINV',
        fields: { fields: ['filter'] },
      });
    }));

  test('is seen by its user alone until it is shared', () =>
    rolledBack(db.pool, async (client) => {
      await actAs(client, ada);
      expect(await save(client, 'mine')).toMatchObject({ user_id: ada });
      await save(client, 'ours', true);
      await actAs(client, bob);
      expect(await names(client)).toEqual(['ours']);
      await actAs(client, undefined);
      expect(await save(client, 'of the key')).toMatchObject({ user_id: null });
      expect(await names(client)).toEqual(['of the key', 'ours']);
      await actAs(client, ada);
      expect(await names(client)).toEqual(['mine', 'ours']);
      await client.query('update howdah.saved_views set is_shared = false');
      await actAs(client, admin, 'admin');
      expect(await names(client)).toEqual([]);
    }));

  test('that is shared is changed by its user and by admins', () =>
    rolledBack(db.pool, async (client) => {
      await actAs(client, ada);
      const { id } = await save(client, 'ours', true);
      await actAs(client, bob);
      for (const change of [
        `update howdah.saved_views set name = 'b'`,
        'delete from howdah.saved_views',
      ]) {
        expect(await refusedInside(client, change)).toMatchObject({
          code: 'HWDEN',
          fields: { object: 'saved_views', id },
        });
      }
      await actAs(client, admin, 'admin');
      await client.query(`update howdah.saved_views set name = 'better'`);
      await actAs(client, ada);
      await client.query(`update howdah.saved_views set filter = '{}' where name = 'better'`);
      await client.query('delete from howdah.saved_views');
      expect(await names(client)).toEqual([]);
    }));

  test('has a name that is unique for its user and place', () =>
    rolledBack(db.pool, async (client) => {
      const insert = `insert into howdah.saved_views (name, place, filter) values ($1, $2, '{}')`;
      for (const user of [ada, undefined]) {
        await actAs(client, user);
        await client.query(insert, ['a', 'runs']);
        await client.query(insert, ['a', 'inbox']);
        expect(await refusedInside(client, insert, ['a', 'runs'])).toMatchObject({ code: '23505' });
      }
      expect(await refusedInside(client, insert, ['b', '/runs'])).toMatchObject({
        code: 'HWINV',
        fields: { fields: ['place'] },
      });
    }));

  test('goes with its user, shared or not', () =>
    rolledBack(db.pool, async (client) => {
      await actAs(client, ada);
      await save(client, 'mine');
      await save(client, 'ours', true);
      await client.query('reset role');
      const kinds = await all(
        client,
        `select d ->> 'name' as name from howdah.export_user_data($1) as d
         where d ->> 'kind' = 'saved_view' order by 1`,
        [ada],
      );
      expect(kinds).toEqual([{ name: 'mine' }, { name: 'ours' }]);
      const { erased } = await one(client, 'select howdah.erase_user($1) as erased', [ada]);
      expect(erased).toMatchObject({ saved_views: 2 });
      expect(await names(client)).toEqual([]);
    }));
});
