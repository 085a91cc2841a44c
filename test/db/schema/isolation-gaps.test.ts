import { expect, test } from 'vitest';
import { isolationGaps } from '../../../src/db/schema/tenant-isolation-check.ts';
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
