import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { createDatabaseOfAllMonths } from '../../support/database.ts';

const DUE_WORK = '0047_due_work';
const RUN = '01980000-0000-7000-8000-000000000001';
const SOURCE = '01980000-0000-7000-8000-000000000002';
const AT = '2027-01-01T00:00:00+00:00';

test('due work that exists moves into one table, and back with the migration', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const read = async (text: string) => (await db.pool.query(text)).rows.map(({ row }) => row);
  const due = () =>
    read(`select to_jsonb(d) - '{id,tenant_id,created_at}'::text[] as row from howdah_private.due_work as d
      order by d.kind, d.priority`);
  await db.pool.query(
    `insert into howdah_private.due_work (kind, id, tenant_id, due_at, priority, payload, attempts, last_error) values
       ('erase_run', $1, howdah.current_tenant(), $3, 1, '{}', 0, null),
       ('encrypt_run', $1, howdah.current_tenant(), $3, 0,
         jsonb_build_object('changed_at', $3::timestamptz, 'sources', array[$2::uuid]), 0, null),
       ('encrypt_run', $2, howdah.current_tenant(), $3, 2, '{}', 0, null),
       ('delete_file', howdah.uuid_v7(), null, $3, 1, '{"storage_path": "a/song"}', 3, 'busy')`,
    [RUN, SOURCE, AT],
  );
  const before = await due();
  expect(before).toHaveLength(4);
  while ((await migrationStatus(db.url)).applied.includes(DUE_WORK)) {
    await migrateDown(db.url, false);
  }
  expect(await read('select execution_id as row from howdah_private.erasures_due')).toEqual([RUN]);
  expect(
    await read(
      `select to_jsonb(d) - 'tenant_id' as row from howdah_private.encryptions_due as d order by d.priority`,
    ),
  ).toEqual([
    { execution_id: RUN, due_at: AT, priority: 0, changed_at: AT, sources: [SOURCE] },
    { execution_id: SOURCE, due_at: AT, priority: 2, changed_at: null, sources: null },
  ]);
  expect(
    await read(
      `select to_jsonb(d) - '{id,created_at}'::text[] as row from howdah_private.file_deletions as d`,
    ),
  ).toEqual([{ due_at: AT, attempts: 3, storage_path: 'a/song', last_error: 'busy' }]);
  await migrateUp(db.url, migrateQueue);
  expect(await due()).toEqual(before);
});
