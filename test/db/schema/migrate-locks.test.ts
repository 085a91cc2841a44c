import { expect, onTestFinished, test } from 'vitest';
import { createClient } from '../../../src/db/connection/pool.ts';
import { migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { createTestDatabase, eventually, type TestDatabase } from '../../support/database.ts';

/**
 * Creates a database with outdated objects of sql/, and a session that has read a table and leaves
 * its transaction open.
 */
async function withReader(): Promise<{ db: TestDatabase; pid: number; leave(): Promise<void> }> {
  const db = await createTestDatabase();
  onTestFinished(db.drop);
  await db.pool.query(`update howdah_private.applied_sql set digest = 'older'`);
  const reader = createClient({ url: db.url, applicationName: 'a long report' });
  await reader.connect();
  onTestFinished(() => reader.end());
  const { rows } = await reader.query('select pg_backend_pid() as pid');
  await reader.query('begin; select from howdah.mail');
  return {
    db,
    pid: rows[0].pid,
    leave: async () => void (await reader.query('rollback')),
  };
}

test('names the session that locks a table for too long, and changes nothing', async () => {
  const { db, pid, leave } = await withReader();
  const error = await migrateUp(db.url, migrateQueue, { patienceMs: 0 }).catch(
    (fault: unknown) => fault,
  );
  // The list may also contain autovacuum.
  expect(error).toMatchObject({ code: 'HWCNF', detail: { pids: expect.arrayContaining([pid]) } });
  expect(error).toHaveProperty('hint', expect.stringContaining(`${pid} (a long report, `));
  expect(await migrationStatus(db.url)).toMatchObject({ sql: 'outdated' });
  await leave();
  expect(await migrateUp(db.url, migrateQueue)).toEqual([]);
  expect(await migrationStatus(db.url)).toMatchObject({ sql: 'current' });
});

test('queries are answered while a migration waits for a table lock', async () => {
  const { db, leave } = await withReader();
  const migrating = migrateUp(db.url, migrateQueue);
  try {
    for (let round = 1; round <= 3; round += 1) {
      await eventually(
        db.pool,
        'migrating waits',
        `select from pg_stat_activity where datname = current_database() and application_name = 'howdah-migrate'
         and wait_event_type = 'Lock' and query ~ '^lock table'`,
      );
      await db.pool.query('select from howdah.agents');
      await db.pool.query(`update howdah.tenants set name = name where slug = 'default'`);
    }
  } finally {
    await leave();
  }
  await migrating;
  expect(await migrationStatus(db.url)).toMatchObject({ sql: 'current' });
});
