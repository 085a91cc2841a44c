import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { createDatabaseOfAllMonths } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { makeTwoTenants } from '../two-tenants.ts';

const DIRECT = '0093_direct_searches';

test('searches of runs keep their results and citations, in both directions', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const rows = async (statement: string) => (await db.pool.query(statement)).rows;
  const cited = () =>
    rows(
      `select c.execution_id, s.created_at, r.chunk_number, r.digest from howdah.citations as c
       join howdah.search_results as r using (tenant_id, execution_id, step_seq, rank)
       join howdah.searches as s using (tenant_id, execution_id, step_seq) order by 1`,
    );
  await makeTwoTenants(db.pool);
  await db.pool.query(
    `with base as (insert into howdah.knowledge_bases (name) values ('handbook') returning id)
     insert into howdah.documents (knowledge_base_id, title, content)
     select id, 'Refunds', 'A refund is possible.' from base`,
  );
  await ingestDocuments(db.pool);
  await db.pool.query(`select from howdah.search('{handbook}', 'refund')`);
  const before = await cited();
  expect(before).toHaveLength(2);
  expect(await rows('select from howdah.searches')).toHaveLength(3);

  while ((await migrationStatus(db.url)).applied.includes(DIRECT)) await migrateDown(db.url, false);
  expect(await rows('select from howdah.searches')).toHaveLength(2); // it has no place for others
  await migrateUp(db.url, migrateQueue);
  expect(await cited()).toEqual(before);
  expect(
    await rows(
      `select from howdah.search_results as r join howdah.searches as s on s.id = r.search_id
       where s.execution_id = r.execution_id and s.step_seq = r.step_seq`,
    ),
  ).toHaveLength(2);
  await db.pool.query('delete from howdah.searches');
  expect(await cited()).toEqual([]);
});
