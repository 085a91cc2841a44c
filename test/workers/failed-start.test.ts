import { expect, test } from 'vitest';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

const database = testDatabase();

test('a worker that cannot register closes its queue and its connections', async () => {
  const scope = { tenants: ['the id of no tenant'], members: null };
  await expect(startTestWorker(database.url, { scope })).rejects.toMatchObject({ code: '22P02' });
  await eventually(
    database.pool,
    'all connections are closed',
    `select from (select) as one where not exists (
       select from pg_stat_activity
       where datname = current_database() and application_name like 'howdah-%'
     )`,
  );
});
