import { expect, onTestFinished, test } from 'vitest';
import { migrateDown, migrateUp, migrationStatus } from '../../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../../workers/queue/migrate-queue.ts';
import { createDatabaseOfAllMonths } from '../../support/database.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';

const LANGUAGES = '0088_document_languages';
const GERMAN = 'In der Stadt sind die Häuser teuer geworden, und viele ziehen auf das Land hinaus.';
const ENGLISH = 'The players roll the dice, and whoever has the highest number moves the figures.';

test('a base of an earlier schema has the same results, and languages can be migrated back', async () => {
  const db = await createDatabaseOfAllMonths();
  onTestFinished(db.drop);
  const rows = async (statement: string, values: unknown[] = []) =>
    (await db.pool.query(statement, values)).rows;
  const down = async () => {
    while ((await migrationStatus(db.url)).applied.includes(LANGUAGES)) {
      await migrateDown(db.url, false);
    }
  };
  const search = (base: string) =>
    rows(
      `select q.query, s.title, s.score, s.ranks
       from unnest('{Haus,Häuser in der Stadt,player,die}'::text[]) as q (query)
       cross join lateral howdah.search(array[$1], q.query, mode => 'text') as s`,
      [base],
    );
  const add = (base: string) =>
    db.pool.query(
      `with base as (insert into howdah.knowledge_bases (name) values ($1) returning id)
       insert into howdah.documents (knowledge_base_id, title, content)
       select id, d.title, d.content from base, (values ('de', $2), ('en', $3)) as d (title, content)`,
      [base, GERMAN, ENGLISH],
    );
  await add('earlier');
  await db.pool.query('update howdah.knowledge_bases set detects_language = false');
  await ingestDocuments(db.pool);
  const before = await search('earlier');
  expect(before.map(({ query, title }) => [query, title])).toContainEqual(['player', 'en']);
  await down();
  await migrateUp(db.url, migrateQueue);
  expect(await search('earlier')).toEqual(before);
  expect(await rows('select detects_language from howdah.knowledge_bases')).toEqual([
    { detects_language: false },
  ]);
  await db.pool.query(`update howdah.documents set content = content || ' '`);
  await ingestDocuments(db.pool);
  expect(await search('earlier')).toEqual(before);

  await add('later');
  await ingestDocuments(db.pool);
  expect((await search('later')).map(({ query, title }) => [query, title])).toEqual([
    ['Haus', 'de'],
    ['Häuser in der Stadt', 'de'],
    ['player', 'en'],
  ]);
  // chunks with terms that the earlier schema does not know are made again, and no others
  await down();
  const due =
    'select d.title from howdah_private.due_documents as u join howdah.documents as d on d.id = u.document_id';
  expect(await rows(due)).toEqual([{ title: 'de' }]);
  expect(await rows(`select title from howdah.documents where status = 'pending'`)).toEqual([
    { title: 'de' },
  ]);
  await migrateUp(db.url, migrateQueue);
  await ingestDocuments(db.pool);
  expect(await search('later')).toEqual(before);
  expect(await rows(`select from howdah_private.chunk_terms where term like 'german %'`)).toEqual(
    [],
  );
});
