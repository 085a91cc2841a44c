import { beforeAll, beforeEach, expect, test } from 'vitest';
import { callTools, makeAgent, runToEnd } from '../runtime/arrange.ts';
import { all, committed, makeTenant, makeUser, one, takeRole } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { ingestDocuments } from '../support/work/ingest-documents.ts';
import { startTestWorker } from '../support/worker.ts';

// What a recorded search found, and why: howdah.search_hits.

const db = testDatabase();
let tenant: string;
let ada: string;
let bob: string;

beforeAll(async () => {
  tenant = (await one(db.pool, 'select howdah.current_tenant() as id')).id as string;
  const user = async (username: string) =>
    (await makeUser(db.pool, { tenant_id: tenant, username, role: 'member' })).id;
  ada = await user('ada');
  bob = await user('bob');
});
beforeEach(async () => {
  await db.pool.query(
    `delete from howdah.searches;
     delete from howdah.knowledge_bases;
     insert into howdah.knowledge_bases (name) values ('handbook');
     insert into howdah.documents (knowledge_base_id, title, content)
     values (howdah.knowledge_base('handbook'), 'Refunds', 'A refund is possible for 30 days.'),
       (howdah.knowledge_base('handbook'), 'Cards', 'There is no refund of gift cards.')`,
  );
  await ingestDocuments(db.pool);
});

const as = (userId: string, text: string, values: unknown[] = [], tenantId = tenant) =>
  committed(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', {
      'howdah.tenant_id': tenantId,
      'howdah.user_id': userId,
      'howdah.role': 'member',
    });
    return all(client, text, values);
  });
const search = () => as(ada, `select from howdah.search('{handbook}', 'refunds of cards')`);
const idOf = async () => (await one(db.pool, 'select id from howdah.searches')).id as string;
const HITS = `select rank, title, terms, content, is_current, score > 0 as has_score
  from howdah.search_hits($1)`;

test('each chunk has its place, and the words of the question that it has', async () => {
  await search();
  const hits = await as(ada, HITS, [await idOf()]);
  expect(hits).toEqual([
    {
      ...{ rank: 1, title: 'Cards', terms: ['card', 'refund'], is_current: true },
      ...{ content: 'There is no refund of gift cards.', has_score: true },
    },
    {
      ...{ rank: 2, title: 'Refunds', terms: ['refund'], is_current: true },
      ...{ content: 'A refund is possible for 30 days.', has_score: true },
    },
  ]);
});

test('other people and other tenants see nothing of it, as the search itself', async () => {
  await search();
  const id = await idOf();
  expect(await as(bob, HITS, [id])).toEqual([]);
  expect(await as('', HITS, [id], await makeTenant(db.pool))).toEqual([]);
  const { id: base, number } = await one(
    db.pool,
    'select knowledge_base_id as id, number from howdah.chunks limit 1',
  );
  const words = 'select howdah_private.words_of_question($1, $2, $3) as words';
  expect(await as(bob, words, [base, 'refund', number])).toEqual([{ words: ['refund'] }]);
  expect(await as('', words, [base, 'refund', number], await makeTenant(db.pool))).toEqual([
    { words: null },
  ]);
});

test('a text that has changed since is unknown, and a deleted document has no title', async () => {
  await search();
  const id = await idOf();
  await db.pool.query(
    `update howdah.documents set content = 'No card is refunded.' where title = 'Cards';
     delete from howdah.documents where title = 'Refunds'`,
  );
  await ingestDocuments(db.pool);
  const unknown = { terms: [], content: null, is_current: false, has_score: true };
  expect(await as(ada, HITS, [id])).toEqual([
    { rank: 1, title: 'Cards', ...unknown },
    { rank: 2, title: null, ...unknown },
  ]);
});

test('a run has read the text, so its hits keep it', async () => {
  const worker = await startTestWorker(db.url);
  const agent = await makeAgent(db.pool, {
    tools: ['knowledge_search'],
    script: [
      callTools({ name: 'knowledge_search', arguments: { query: 'cards' } }),
      { content: 'No.' },
    ],
  });
  await db.pool.query(
    `insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id)
     values ($1, howdah.knowledge_base('handbook'))`,
    [agent],
  );
  await runToEnd(db.pool, agent);
  await worker.stop(0);
  await db.pool.query(`delete from howdah.documents where title = 'Cards'`);
  expect(await as(bob, HITS, [await idOf()])).toEqual([
    {
      ...{ rank: 1, title: 'Cards', terms: [], is_current: false, has_score: true },
      content: 'There is no refund of gift cards.',
    },
  ]);
});
