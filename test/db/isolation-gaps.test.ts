import { afterAll, beforeAll, expect, test } from 'vitest';
import { isolationGaps } from '../../src/db/isolation.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db?.drop());

test.each([
  [
    'row-level security is off',
    'alter table howdah.agents disable row level security',
    'row-level security is off, or not forced',
  ],
  [
    'row-level security that the owner passes',
    'alter table howdah_private.data_keys no force row level security',
    'row-level security is off, or not forced',
  ],
  [
    'a policy of others',
    'create policy more on howdah.agents for select using (true)',
    'the policy more adds rows',
  ],
  [
    'a view that reads as its owner',
    'alter view howdah.agent_performance reset (security_invoker)',
    'reads as its owner',
  ],
  [
    'a primary key that Postgres prefers to the index with the tenant',
    'reindex index concurrently howdah.agents_pkey',
    'howdah.agents_pkey is newer than howdah.agents_tenant_id_id_key',
  ],
  [
    'a table whose only index with an id has no tenant',
    'drop index howdah.kept_usage_tenant_id_idx',
    'no index looks for an id in a tenant',
  ],
])('the catalogue shows %s, and the statement that mends it', async (_, harm, fault) => {
  expect(await isolationGaps(db.pool)).toEqual([]);
  await db.pool.query(harm);
  const gaps = await isolationGaps(db.pool);
  expect(gaps).toMatchObject([{ fault }]);
  await db.pool.query(gaps[0]?.fix ?? '');
  expect(await isolationGaps(db.pool)).toEqual([]);
});

test('of two indexes that cost the same the newer one is used, as the check has it', async () => {
  const client = await db.pool.connect();
  try {
    const plan = async () => {
      await client.query('begin');
      await client.query('set local enable_seqscan = off');
      await client.query('set local enable_bitmapscan = off');
      await client.query('set local role howdah_app');
      const { rows } = await client.query(
        "explain select instruction from howdah.agents where id = '01890000-0000-7000-8000-000000000000'",
      );
      await client.query('rollback');
      return rows.map((row) => row['QUERY PLAN']).join();
    };
    expect(await plan()).toContain('agents_tenant_id_id_key');
    await client.query('reindex index concurrently howdah.agents_pkey');
    expect(await plan()).toContain('agents_pkey');
    await client.query('reindex index concurrently howdah.agents_tenant_id_id_key');
    expect(await plan()).toContain('agents_tenant_id_id_key');
  } finally {
    client.release();
  }
});
