import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { createDatabaseOfAllMonths } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';

const PARTS = '0092_compound_parts';

test('parts of compounds can be migrated back, and documents from before are still found', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const rows = async (statement: string) => (await db.pool.query(statement)).rows;
  const titlesOf = async (query: string) =>
    (await rows(`select title from howdah.search('{manual}', '${query}', mode => 'text')`)).map(
      ({ title }) => title,
    );
  const parts = () =>
    rows(`select term from howdah_private.chunk_terms where strpos(term, '+ ') > 0 order by term`);
  await db.pool.query(
    `with base as (
       insert into howdah.knowledge_bases (name, language) values ('manual', 'german') returning id)
     insert into howdah.documents (knowledge_base_id, title, content)
     select id, d.title, d.content from base, (values ('words', 'Eine Datenbank. Eine Verwaltung.'),
       ('compound', 'Die Datenbankverwaltung und eine Datenbank, mit Verwaltung.')) as d (title, content)`,
  );
  await ingestDocuments(db.pool);
  expect(await parts()).toEqual([{ term: '+ datenbank' }, { term: '+ verwalt' }]);
  while ((await migrationStatus(db.url)).applied.includes(PARTS)) await migrateDown(db.url, false);
  expect(await parts()).toEqual([]);
  await migrateUp(db.url, migrateQueue);
  expect(await parts()).toEqual([]);
  expect((await titlesOf('Datenbank')).toSorted()).toEqual(['compound', 'words']);
  expect((await titlesOf('Datenbankverwaltung'))[0]).toBe('compound');
  await db.pool.query(`update howdah.documents set status = 'pending'`);
  await ingestDocuments(db.pool);
  expect(await parts()).toEqual([{ term: '+ datenbank' }, { term: '+ verwalt' }]);
});
