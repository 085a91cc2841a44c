import { expect, test } from 'vitest';
import { throttle } from '../../../src/concurrency/throttle.ts';
import { createNotifier } from '../../../src/db/feed/notifier.ts';
import { eventually, testDatabase } from '../../support/database.ts';

const database = testDatabase();

test('sends one notification of due runs at a time, and closing waits for it', async () => {
  const { pool } = database;
  await pool.query(
    `create or replace function howdah_private.announce_due_runs() returns void
     language sql as 'select pg_advisory_xact_lock(1)'`,
  );
  const notifier = createNotifier(database.url);
  const announcements: Promise<void>[] = [];
  const announce = throttle(0, () => {
    announcements.push(notifier.announceDueRuns());
    return announcements.at(-1);
  });
  const client = await pool.connect();
  await client.query('select pg_advisory_lock(1)');
  for (let n = 0; n < 3; n += 1) announce();
  await eventually(
    pool,
    'the announcement waits',
    `select from pg_locks where locktype = 'advisory' and not granted
       and database = (select oid from pg_database where datname = current_database())`,
  );
  let isClosed = false;
  const closed = notifier.close().then(() => {
    isClosed = true;
  });
  announce();
  await pool.query('select');
  expect(announcements).toHaveLength(1);
  expect(isClosed).toBe(false);
  await client.query('select pg_advisory_unlock(1)');
  client.release();
  await closed;
  await Promise.all(announcements);
});
