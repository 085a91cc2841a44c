import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp, migrationStatus } from '../../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../../workers/queue/migrate-queue.ts';
import { createDatabaseOfAllMonths } from '../../../support/database.ts';

const CALLBACKS = '0041_callbacks_of_runs';

test('callbacks of runs that exist move apart, and back with the migration', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const shown = async () =>
    (await db.pool.query('select input, callback_url from howdah.executions order by input')).rows;
  const insert = (input: string, url: string | null) =>
    db.pool.query(
      `insert into howdah.executions (agent_id, input, callback_url) values (howdah.agent('development'), $1, $2)`,
      [input, url],
    );
  while ((await migrationStatus(db.url)).applied.includes(CALLBACKS)) {
    await migrateDown(db.url, false);
  }
  await migrateUp(db.url, migrateQueue);
  await insert('a', 'https://x.example.com/key?token=1');
  await insert('b', 'http://y.example.com');
  await insert('c', null);
  const apart = [
    { input: 'a', callback_url: 'https://x.example.com/…' },
    { input: 'b', callback_url: 'http://y.example.com/…' },
    { input: 'c', callback_url: null },
  ];
  expect(await shown()).toEqual(apart);
  while ((await migrationStatus(db.url)).applied.includes(CALLBACKS)) {
    await migrateDown(db.url, false);
  }
  expect(await shown()).toEqual([
    { input: 'a', callback_url: 'https://x.example.com/key?token=1' },
    { input: 'b', callback_url: 'http://y.example.com' },
    { input: 'c', callback_url: null },
  ]);
  await migrateUp(db.url, migrateQueue);
  expect(await shown()).toEqual(apart);
  const { rows } = await db.pool.query('select url from howdah_private.run_callbacks order by 1');
  expect(rows).toEqual([
    { url: 'http://y.example.com' },
    { url: 'https://x.example.com/key?token=1' },
  ]);
});
