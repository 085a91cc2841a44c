import { afterAll, beforeAll, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, resultsOf, runToEnd } from '../arrange.ts';

// The tool knowledge_search, as runs call it, on documents that the worker has divided.

const database = testDatabase();
let worker: Worker | undefined;

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  await database.pool.query(
    `insert into howdah.knowledge_bases (name, trust)
     values ('handbook', 'external'), ('rules', 'internal'), ('private', 'internal');
     insert into howdah.documents (knowledge_base_id, title, content) values
       (howdah.knowledge_base('handbook'), 'Refunds', 'A refund is possible within 30 days.'),
       (howdah.knowledge_base('rules'), 'Rules', 'A refund needs a receipt of the purchase.'),
       (howdah.knowledge_base('private'), 'Salaries', 'The refund of salaries is secret.')`,
  );
  await eventually(
    database.pool,
    'the documents are divided',
    `select from howdah.documents having count(*) filter (where status = 'ready') = 3`,
    [],
  );
});
afterAll(() => worker?.stop(0));

/** Runs an agent with these bases that calls the tool once. Returns its trust and the result. */
async function search(bases: string[], args: JsonObject) {
  const agent = await makeAgent(database.pool, {
    script: [callTools({ name: 'knowledge_search', arguments: args }), { content: 'done' }],
    tools: ['knowledge_search'],
  });
  await database.pool.query(
    `insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id)
     select $1, id from howdah.knowledge_bases where name = any ($2)`,
    [agent, bases],
  );
  const run = await runToEnd(database.pool, agent);
  expect(run).toMatchObject({ status: 'completed', output: 'done' });
  const [text = ''] = await resultsOf(database.pool, run.id);
  const { trust } = await one(database.pool, 'select trust from howdah.executions where id = $1', [
    run.id,
  ]);
  return { trust, text };
}

test('finds chunks of the bases of the agent only, and external ones taint the run', async () => {
  const { trust, text } = await search(['handbook', 'rules'], { query: 'is a refund possible?' });
  expect(trust).toBe('external');
  expect(text).toContain('30 days');
  expect(text).toContain('receipt');
  expect(text).not.toContain('salaries');
});

test('chunks of a trusted base leave the run internal', async () => {
  const { trust, text } = await search(['rules'], { query: 'refund' });
  expect(trust).toBe('internal');
  expect(JSON.parse(text)).toEqual({
    chunks: [
      {
        citation: expect.stringMatching(/^\[\^\d+\]$/),
        document_id: expect.any(String),
        seq: 1,
        base: 'rules',
        title: 'Rules',
        headings: [],
        text: 'A refund needs a receipt of the purchase.',
      },
    ],
  });
});

test('a search without a hit adds nothing to the trust', async () => {
  const { trust, text } = await search(['handbook'], { query: 'zebras' });
  expect(trust).toBe('user');
  expect(JSON.parse(text)).toEqual({ chunks: [] });
});

test.each([
  [
    'a base of another agent',
    ['rules'],
    { query: 'x', base: 'private' },
    'Your knowledge bases: rules.',
  ],
  ['an agent without a base', [], { query: 'x' }, 'you have no knowledge base'],
])('%s is refused', async (_what, bases, args, message) => {
  expect((await search(bases, args)).text).toContain(message);
});

test('a limit of calls of the embedding model lets the search use words alone', async () => {
  const { pool } = database;
  await pool.query(
    `insert into howdah.models (name, provider, model, purpose) values ('vectors', 'local', 'local', 'embedding');
     update howdah.knowledge_bases set embedding_model_id =
       (select id from howdah.models where name = 'vectors') where name = 'rules'`,
  );
  await eventually(
    pool,
    'the chunks have vectors',
    `select from howdah_private.embedding_generations where is_current and dimensions is not null`,
    [],
  );
  const modelOf = `(select id from howdah.models where name = 'vectors')`;
  await pool.query(
    `insert into howdah.limits (scope, subject_id, metric, period, max_value)
     values ('model', ${modelOf}, 'calls', 'minute', 1)`,
  );
  const vectorOf = async (query: string) =>
    Boolean(
      (
        await pool.query(
          'select from howdah_private.query_embeddings where digest = md5($1) and vector is not null',
          [query],
        )
      ).rowCount,
    );
  const calls = async () =>
    (await one(pool, 'select used::int from howdah.limit_usage')).used as number;
  const before = await calls();
  expect(before).toBeLessThanOrEqual(1);
  await pool.query('update howdah.limits set max_value = $1', [before + 1]);
  const first = await search(['rules'], { query: 'a receipt first' });
  expect(first.text).toContain('receipt');
  expect(await vectorOf('a receipt first')).toBe(true);
  const second = await search(['rules'], { query: 'a receipt second' });
  expect(second.text).toContain('receipt');
  expect(await vectorOf('a receipt second')).toBe(false);
  expect(await calls()).toBe(before + 1);
  await pool.query('delete from howdah.limits');
});
