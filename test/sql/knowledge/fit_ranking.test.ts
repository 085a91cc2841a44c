import { createHash, randomUUID } from 'node:crypto';
import { beforeEach, expect, test } from 'vitest';
import { vectorText } from '../../../src/db/knowledge/vector-text.ts';
import { testDatabase } from '../../support/database.ts';
import { embedChunks, fakeProvider } from '../../support/work/embed-chunks.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import {
  all,
  committed,
  type Db,
  makeTenant,
  makeUser,
  one,
  refusal,
  takeRole,
} from '../support.ts';

// howdah.fit_ranking: which weights it finds, what it needs, and who may write what it has found.

const db = testDatabase();
const DOCUMENTS = 40;
const numbers = Array.from({ length: DOCUMENTS }, (_, i) => i);
/** The vector of document i: 1 in its own dimension. */
const vectorOf = (i: number) => numbers.map((n) => (n === i % DOCUMENTS ? 1 : 0));
let tenant: string;
let base: { id: string; name: string };

beforeEach(async () => {
  tenant = await makeTenant(db.pool);
  const { model } = await one<{ model: string }>(
    db.pool,
    `insert into howdah.models (tenant_id, name, provider, model, purpose)
     values ($1, 'letters', 'local', 'letters', 'embedding') returning id as model`,
    [tenant],
  );
  base = await one(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, embedding_model_id, ranking)
     values ($1, $2, $3, '{"weights": {"text": 8, "vector": 1}}') returning id, name`,
    [tenant, randomUUID(), model],
  );
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     select $1, $2, 'Document ' || n, 'word' || n || ' here'
     from generate_series(0, $3 - 1) as n`,
    [tenant, base.id, DOCUMENTS],
  );
  await db.pool.query('insert into howdah.datasets (tenant_id, name) values ($1, $2)', [
    tenant,
    'questions',
  ]);
  await ingestDocuments(db.pool);
  const { find } = fakeProvider(({ texts }) => ({
    ok: true,
    value: {
      vectors: texts.map((text) => vectorOf(Number(/^Document (\d+)/.exec(text)?.[1]))),
      usage: { tokens_in: 1, tokens_out: 0 },
    },
  }));
  expect((await embedChunks(db.pool, find)).failures).toEqual([]);
});

type Question = { text: string; vector: number[]; expected: unknown };

/** Stores questions as items of the data set, with the vectors that a worker would make. */
async function ask(questions: Question[]) {
  await db.pool.query(
    `insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
     select $1, d.id, q ->> 'text', q -> 'expected'
     from howdah.datasets as d cross join jsonb_array_elements($2) as q where d.tenant_id = $1`,
    [tenant, JSON.stringify(questions)],
  );
  for (const { text, vector } of questions) {
    await db.pool.query(
      `select howdah_private.end_query_embedding($1, g.model_digest, g.model, $2, $3, null, 1)
       from howdah_private.embedding_generations as g where g.knowledge_base_id = $4`,
      [tenant, createHash('md5').update(text).digest('hex'), vectorText(vector), base.id],
    );
  }
}

/** A question whose words or vector lead to document i, and whose other leg leads elsewhere. */
const byWords = (i: number): Question => ({
  ...{ text: `word${i}`, vector: vectorOf(i + 7), expected: `Document ${i}` },
});
const byVector = (i: number): Question => ({
  ...{ text: `unknown${i}`, vector: vectorOf(i), expected: [`Document ${i}`] },
});

type Fit = {
  status: string;
  questions?: number;
  waiting?: number;
  weights: object;
  fitted: Record<string, unknown>;
};

const asCaller = <T>(work: (client: Db) => Promise<T>, settings = {}) =>
  committed<T>(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant, ...settings });
    return work(client);
  });
const fitRanking = async (dataset: string | null = 'questions', settings = {}) =>
  asCaller(async (client) => {
    const [row] = await all<{ fit: Fit }>(client, 'select howdah.fit_ranking($1, $2) as fit', [
      base.name,
      dataset,
    ]);
    return row?.fit as Fit;
  }, settings);
const ranking = async () =>
  (
    await one<{ ranking: Record<string, unknown> }>(
      db.pool,
      'select ranking from howdah.knowledge_bases where id = $1',
      [base.id],
    )
  ).ranking;

test('words alone count if vectors lead elsewhere, and vectors alone in the other case', async () => {
  await ask(numbers.map(byWords));
  expect(await fitRanking()).toMatchObject({
    ...{ status: 'fitted', weights: { text: 1, vector: 0 } },
    fitted: { questions: DOCUMENTS, questions_of: 'questions', text: 1, measure: 'ndcg@10' },
  });
  await db.pool.query('update howdah.dataset_items set removed_at = now()');
  await ask(numbers.map(byVector));
  const { weights, fitted } = await fitRanking();
  expect(weights).toEqual({ text: 0, vector: 1 });
  expect(fitted).toMatchObject({ text: 0, vector: 1, difference: { to: 'vector' } });
});

test('both count if each finds what the other does not, and the base keeps the figures', async () => {
  await ask(numbers.map((i) => (i % 2 ? byWords(i) : byVector(i))));
  const { weights, fitted } = await fitRanking();
  expect(weights).toEqual({ text: expect.any(Number), vector: expect.any(Number) });
  expect(Object.values(weights).every((weight) => weight > 0 && weight < 1)).toBe(true);
  expect(fitted).toMatchObject({ hybrid: 1, difference: { verdict: 'higher' } });
  expect(fitted.text).toBeLessThan(0.75);
  expect(await ranking()).toEqual({ weights, fitted });
});

test('figures are written by the function alone, and other weights end them', async () => {
  await ask(numbers.map(byWords));
  const { weights, fitted } = await fitRanking();
  const set = (value: object) =>
    asCaller((client) =>
      client.query('update howdah.knowledge_bases set ranking = $2 where id = $1', [
        base.id,
        JSON.stringify(value),
      ]),
    );
  await set({ weights, fitted, expansion: { chunks: 2 } });
  expect(await ranking()).toMatchObject({ fitted });
  const forged = await refusal(set({ weights, fitted: { ...fitted, text: 0.5 } }));
  expect(forged).toMatchObject({
    ...{ code: 'HWINV', message: 'ranking.fitted is written by howdah.fit_ranking' },
  });
  await set({ weights: { text: 2, vector: 1 }, fitted });
  expect(await ranking()).toEqual({ weights: { text: 2, vector: 1 } });
});

test('questions without a vector are sent to workers, at most 100 at once', async () => {
  await ask(numbers.map(byWords));
  await db.pool.query('delete from howdah_private.query_embeddings');
  await db.pool.query(
    `insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
     select $1, d.id, 'question ' || n, '"Document 1"'
     from howdah.datasets as d cross join generate_series(1, 90) as n where d.tenant_id = $1`,
    [tenant],
  );
  expect(await fitRanking()).toEqual({ status: 'pending', questions: 130, waiting: 130 });
  const { asked } = await one(
    db.pool,
    `select count(*)::int as asked from howdah_private.query_embeddings where query is not null`,
  );
  expect(asked).toBe(100);
  await db.pool.query(
    `update howdah_private.query_embeddings set query = null, error = '{"message": "no key"}'`,
  );
  expect(await fitRanking()).toMatchObject({ status: 'failed', error: { message: 'no key' } });
  expect(await ranking()).toEqual({ weights: { text: 8, vector: 1 } });
});

test('too few questions, a base without vectors and a wrong name are refused', async () => {
  await ask([...numbers.slice(0, 19).map(byWords), { ...byWords(20), expected: 'Elsewhere' }]);
  expect(await refusal(fitRanking())).toMatchObject({
    code: 'HWINV',
    message: expect.stringMatching(/^only 19 questions have documents/),
    hint: expect.stringContaining('title or id of the document'),
  });
  expect(await refusal(fitRanking(null))).toMatchObject({
    message: expect.stringMatching(/^only 0 questions/),
    hint: expect.stringContaining('feedback'),
  });
  expect(await refusal(fitRanking('question'))).toMatchObject({
    ...{ code: 'HWNTF', hint: 'Did you mean questions?' },
  });
  await db.pool.query('update howdah.knowledge_bases set embedding_model_id = null');
  expect(await refusal(fitRanking())).toMatchObject({
    message: expect.stringContaining('has no vectors'),
  });
});

test.each(['viewer', 'member'] as const)(
  'a %s is refused, whatever the names are',
  async (role) => {
    await ask(numbers.map(byWords));
    const { id } = await makeUser(db.pool, { tenant_id: tenant, role });
    const settings = { 'howdah.user_id': id, 'howdah.role': role };
    for (const dataset of ['questions', 'nothing', null]) {
      expect(await refusal(fitRanking(dataset, settings))).toMatchObject({ code: 'HWDEN' });
    }
  },
);

test('an admin fits the weights, and another tenant has no such base', async () => {
  await ask(numbers.map(byWords));
  const { id } = await makeUser(db.pool, { tenant_id: tenant, role: 'admin' });
  const settings = { 'howdah.user_id': id, 'howdah.role': 'admin' };
  expect(await fitRanking('questions', settings)).toMatchObject({ status: 'fitted' });
  tenant = await makeTenant(db.pool);
  expect(await refusal(fitRanking(null))).toMatchObject({ code: 'HWNTF' });
});
