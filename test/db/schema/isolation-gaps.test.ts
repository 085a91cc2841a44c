import { expect, test } from 'vitest';
import { isolationGaps } from '../../../src/db/schema/tenant-isolation-check.ts';
import { rolledBack } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';

const db = testDatabase();

test.each([
  [
    'that row-level security is off',
    'alter table howdah.agents disable row level security',
    'row-level security is off, or not forced',
  ],
  [
    'that row-level security is not forced on the owner',
    'alter table howdah_private.data_keys no force row level security',
    'row-level security is off, or not forced',
  ],
  [
    'a policy that Howdah did not create',
    'create policy more on howdah.agents for select using (true)',
    'the policy more adds rows',
  ],
  [
    'a view with the privileges of its owner',
    'alter view howdah.agent_performance reset (security_invoker)',
    'reads as its owner',
  ],
  [
    'a disabled trigger',
    'alter table howdah.agents disable trigger _010_permit',
    'the trigger _010_permit is disabled',
  ],
  [
    'that everybody may read a table',
    'grant select on howdah.secrets to public',
    'everybody may select it',
  ],
  [
    'that a role of tenants may write whole rows',
    'grant update on howdah.users to howdah_app',
    'howdah_app may update it',
  ],
  [
    'that a role that only reads may write',
    'grant delete on howdah.models to howdah_viewer',
    'howdah_viewer may delete it',
  ],
  [
    'that a role that only reads may write a column',
    'grant update (name) on howdah.models to howdah_analyst',
    'howdah_analyst may update the column name',
  ],
  [
    'that tenants may read a private table',
    'grant select on howdah_private.login_tenants to howdah_app',
    'howdah_app may select it',
  ],
  [
    'a function that everybody may call',
    'grant execute on function howdah_private.reap_workers(interval, uuid) to public',
    'everybody may call it',
  ],
  [
    'a function with the rights of its owner and the search_path of its caller',
    'alter function howdah.create_api_key(text, howdah.user_role, text[], timestamptz, uuid) reset search_path',
    'has the rights of its owner, and no search_path of its own',
  ],
  [
    'a column that SQL tools may read by a privilege of their own',
    'create table public.tickets (id int); grant select (id) on public.tickets to howdah_tool',
    'howdah_tool, which SQL of tools runs as, has a privilege of its own on a column',
  ],
])('the catalogue shows %s, and the statement that fixes it', async (_, harm, fault) => {
  expect(await isolationGaps(db.pool)).toEqual([]);
  await db.pool.query(harm);
  const gaps = await isolationGaps(db.pool);
  expect(gaps).toMatchObject([{ fault }]);
  await db.pool.query(gaps[0]?.fix ?? '');
  expect(await isolationGaps(db.pool)).toEqual([]);
});

test.each([
  ['alter policy tenant on howdah.agents using (true)', 'the policy tenant was changed'],
  ['alter policy tenant on howdah.agents to public', 'the policy tenant was changed'],
  [
    'alter policy engine on howdah_private.data_keys to howdah_app',
    'the policy engine was changed',
  ],
  ['drop trigger _010_permit on howdah.users', 'no trigger checks who may manage it'],
])('the catalogue shows the change %s', async (harm, fault) => {
  await rolledBack(db.pool, async (client) => {
    await client.query(harm);
    expect(await isolationGaps(client)).toMatchObject([{ fault }]);
  });
});
