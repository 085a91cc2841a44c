import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp, migrationStatus } from '../../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../../workers/queue/migrate-queue.ts';
import { all, claim, commit, makeAgent, makeRun, makeWorker, one } from '../../../sql/support.ts';
import { createDatabaseOfAllMonths, type TestDatabase } from '../../../support/database.ts';

const MESSAGE_LOG = '0044_message_log';

async function undoMigrations(db: TestDatabase): Promise<void> {
  while ((await migrationStatus(db.url)).applied.includes(MESSAGE_LOG)) {
    await migrateDown(db.url, false);
  }
}

/** Makes a run with three results: the text of its step, another text, and none at all. */
async function makeResults(db: TestDatabase): Promise<string> {
  const agent = await makeAgent(db.pool);
  const worker = await makeWorker(db.pool);
  const id = await makeRun(db.pool, { agent_id: agent, input: 'x' });
  const [run] = await claim(db.pool, worker, [id]);
  const steps = [
    ['shipped', 'shipped'],
    [{ a: 1 }, '{"a":1}'],
    [undefined, '{"error":{}}'],
  ].map(([output, content], n) => ({
    ...{ kind: 'tool', name: 'status', call_id: `c${n}`, input: {}, output },
    messages: [{ role: 'tool', content, tool_call_id: `c${n}` }],
  }));
  await commit(db.pool, worker, [{ id, fence: run?.fence ?? 0, after: 0, steps }]);
  return id;
}

test('messages keep their rows and texts when they move apart, and back with the migration', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const id = await makeResults(db);
  const shown = () =>
    all(db.pool, 'select * from howdah.messages where execution_id = $1 order by seq', [id]);
  const before = await shown();
  expect(before.map(({ content }) => content)).toEqual(['x', 'shipped', '{"a":1}', '{"error":{}}']);
  const stored = 'select count(content)::int as texts from howdah_private.message_log';
  expect(await one(db.pool, stored)).toEqual({ texts: 3 });
  await undoMigrations(db);
  expect(await shown()).toEqual(before);
  expect(
    await one(db.pool, `select relkind from pg_class where oid = 'howdah.messages'::regclass`),
  ).toEqual({ relkind: 'p' });
  await migrateUp(db.url, migrateQueue);
  expect(await shown()).toEqual(before);
  expect(await one(db.pool, stored)).toEqual({ texts: 4 });
});

test('a view of users of the table is named, and nothing changes', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  await undoMigrations(db);
  await db.pool.query('create view public.texts as select content from howdah.messages');
  await expect(migrateUp(db.url, migrateQueue)).rejects.toMatchObject({
    code: 'HWCNF',
    message: expect.stringContaining('public.texts'),
    hint: expect.stringContaining('pg_get_viewdef'),
  });
  await db.pool.query('drop view public.texts');
  await migrateUp(db.url, migrateQueue);
  await db.pool.query('create view public.texts as select content from howdah.messages');
});
