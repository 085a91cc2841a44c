import { createHash, randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { vectorText } from '../../../src/db/knowledge/vector-text.ts';
import { testDatabase } from '../../support/database.ts';
import { embedChunks, fakeProvider } from '../../support/work/embed-chunks.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import {
  all,
  asRole,
  committed,
  makeAgent,
  makeRun,
  makeTenant,
  one,
  refusal,
} from '../support.ts';

// howdah.search by vectors and by both: the ranking, what it depends on, and what it refuses.

const db = testDatabase();
let tenant: string;

beforeAll(async () => {
  tenant = await makeTenant(db.pool);
});
beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
});

async function makeModel(purpose = 'embedding'): Promise<string> {
  const { id } = await one<{ id: string }>(
    db.pool,
    `insert into howdah.models (tenant_id, name, provider, model, purpose)
     values ($1, $2, 'local', $2, $3) returning id`,
    [tenant, randomUUID(), purpose],
  );
  return id;
}

type Base = { id: string; name: string; model: string };

async function makeBase(ranking = '{}'): Promise<Base> {
  const model = await makeModel();
  const base = await one<Omit<Base, 'model'>>(
    db.pool,
    `insert into howdah.knowledge_bases (tenant_id, name, embedding_model_id, ranking)
     values ($1, $2, $3, $4) returning id, name`,
    [tenant, randomUUID(), model, ranking],
  );
  return { ...base, model };
}

type Document = { title: string; content?: string; metadata?: object; vector: number[] };

/** Inserts documents, and gives their chunks these vectors. */
async function addDocuments(base: Base, documents: readonly Document[]) {
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content, metadata)
     select $1, $2, d ->> 'title', coalesce(d ->> 'content', d ->> 'title'),
       coalesce(d -> 'metadata', '{}') from jsonb_array_elements($3) as d`,
    [tenant, base.id, JSON.stringify(documents)],
  );
  await ingestDocuments(db.pool);
  const byTitle = new Map(documents.map(({ title, vector }) => [title, vector]));
  const { find } = fakeProvider(({ texts }) => ({
    ok: true,
    value: {
      vectors: texts.map((text) => byTitle.get(text.split('\n')[0] ?? '') ?? []),
      usage: { tokens_in: 1, tokens_out: 0 },
    },
  }));
  expect((await embedChunks(db.pool, find)).failures).toEqual([]);
}

/** Stores the vector of a query, as a worker does. */
async function setQuery({ id }: Base, query: string, vector: number[]) {
  await db.pool.query(
    `select howdah_private.end_query_embedding($1, g.model_digest, g.model, $2, $3, null, 7)
     from howdah_private.embedding_generations as g where g.knowledge_base_id = $4 and g.is_current`,
    [tenant, createHash('md5').update(query).digest('hex'), vectorText(vector), id],
  );
}

type Found = {
  title: string;
  score: number;
  ranks: Partial<Record<'text' | 'vector', { rank: number; score: number }>>;
};

const asCaller = <T>(work: Parameters<typeof asRole<T>>[3]) =>
  asRole<T>(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant }, work);

const search = (
  { name }: Base,
  query: string,
  { k = 10, filter = '{}', mode }: { k?: number; filter?: string; mode?: string } = {},
) =>
  asCaller((client) =>
    all<Found>(client, 'select * from howdah.search($1, $2, $3, $4, $5)', [
      [name],
      query,
      k,
      filter,
      mode ?? null,
    ]),
  );

const titles = (found: Found[]) => found.map(({ title }) => title);

const THREE: Document[] = [
  { title: 'east', vector: [1, 0] },
  { title: 'north', vector: [0, 1], metadata: { year: 2026 } },
  { title: 'west', vector: [-1, 0], metadata: { year: 2026 } },
];

describe('the mode vector', () => {
  test('ranks by the cosine, whatever the lengths and the words', async () => {
    const base = await makeBase();
    await addDocuments(base, THREE);
    await setQuery(base, 'up', [1, 5]);
    const found = await search(base, 'up', { mode: 'vector' });
    expect(titles(found)).toEqual(['north', 'east', 'west']);
    expect(found[0]?.ranks).toEqual({ vector: { rank: 1, score: 0.9806 } });
    expect(titles(await search(base, 'up', { mode: 'vector', k: 1 }))).toEqual(['north']);
  });

  test('compares only documents with the metadata of the filter', async () => {
    const base = await makeBase();
    await addDocuments(base, THREE);
    await setQuery(base, 'right', [1, 0]);
    const filter = '{"year": 2026}';
    expect(titles(await search(base, 'right', { mode: 'vector', filter }))).toEqual([
      'north',
      'west',
    ]);
  });

  test('finds at least 98 of 100 nearest neighbours of 3,000 vectors', async () => {
    const base = await makeBase();
    const random = randomNumbers(7);
    const normal = () => Array.from({ length: 128 }, () => random() + random() + random() - 1.5);
    const centers = Array.from({ length: 60 }, normal);
    // topics, and a direction that all share
    const near = (topic: number) =>
      normal().map((value, at) => 0.5 * value + (centers[topic]?.[at] ?? 0) + (at < 16 ? 1 : 0));
    const documents = Array.from({ length: 3_000 }, (_, at) => ({
      title: `d${at}`,
      vector: near(at % 60),
    }));
    await addDocuments(base, documents);
    const { sampled } = await one<{ sampled: number }>(
      db.pool,
      'select sampled from howdah_private.embedding_generations where is_current',
    );
    expect(sampled).toBeGreaterThan(0);
    let same = 0;
    for (let topic = 0; topic < 20; topic += 1) {
      const query = near(topic);
      await setQuery(base, `q${topic}`, query);
      const found = titles(await search(base, `q${topic}`, { mode: 'vector' }));
      const nearest = new Set(nearestOf(documents, query, 10));
      same += found.filter((title) => nearest.has(title)).length;
    }
    expect(same / 200).toBeGreaterThanOrEqual(0.98);
  });
});

/** Returns the titles of the documents with the largest cosine. */
function nearestOf(documents: readonly Document[], query: number[], k: number): string[] {
  const cosine = ({ vector }: Document) =>
    vector.reduce((sum, value, at) => sum + value * (query[at] ?? 0), 0) / Math.hypot(...vector);
  return documents
    .map((document) => ({ title: document.title, score: cosine(document) }))
    .toSorted((a, b) => b.score - a.score)
    .slice(0, k)
    .map(({ title }) => title);
}

/** Returns a generator of numbers from 0 to 1, the same in each run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

describe('the mode hybrid', () => {
  const documents: Document[] = [
    { title: 'a', content: 'tea tea tea', vector: [0, 1] },
    { title: 'b', content: 'tea with milk and sugar', vector: [1, 0] },
    { title: 'c', content: 'a hot drink', vector: [1, 0.1] },
  ];

  test('is the default of a base with vectors, and fuses ranks by the weights', async () => {
    const base = await makeBase('{"weights": {"text": 2, "vector": 2}}');
    await addDocuments(base, documents);
    await setQuery(base, 'tea', [1, 0]);
    const found = await search(base, 'tea');
    expect(titles(found)).toEqual(['b', 'a', 'c']);
    expect(found.map(({ ranks: { text, vector } }) => [text?.rank, vector?.rank])).toEqual([
      [2, 1],
      [1, 3],
      [undefined, 2],
    ]);
    const expected = [30.5 / 62 + 0.5, 0.5 + 30.5 / 63, 30.5 / 62];
    for (const [at, { score }] of found.entries()) expect(score).toBeCloseTo(expected[at] ?? 0, 9);
    expect(await search(base, 'tea', { mode: 'hybrid' })).toEqual(found);
    expect(titles(await search(base, 'tea', { mode: 'text' }))).toEqual(['a', 'b']);
  });

  test('leaves out a leg of weight 0', async () => {
    const base = await makeBase('{"weights": {"text": 1, "vector": 0}}');
    await addDocuments(base, documents);
    await setQuery(base, 'tea', [1, 0]);
    const found = await search(base, 'tea');
    expect(titles(found)).toEqual(['a', 'b']);
    expect(found[0]?.ranks).not.toHaveProperty('vector');
    expect(found[0]?.score).toBeCloseTo(found[0]?.ranks.text?.score ?? 0, 3);
  });

  test('is not that of a query without a vector, and says how to get one', async () => {
    const base = await makeBase();
    await addDocuments(base, documents);
    expect(titles(await search(base, 'tea'))).toEqual(['a', 'b']);
    expect(await refusal(search(base, 'tea', { mode: 'hybrid' }))).toMatchObject({
      code: 'HWCNF',
      fields: { field: 'mode' },
      hint: expect.stringContaining('howdah.embed_query'),
    });
  });
});

test('a base is searched by the earlier vectors until those of another model are there', async () => {
  const base = await makeBase();
  await addDocuments(base, THREE);
  await setQuery(base, 'up', [0, 1]);
  await db.pool.query('update howdah.knowledge_bases set embedding_model_id = $2 where id = $1', [
    base.id,
    await makeModel(),
  ]);
  expect(titles(await search(base, 'up', { mode: 'vector' }))[0]).toBe('north');
});

test('an empty base hinders no search by vectors, and one that waits for them does', async () => {
  const [base, other] = [await makeBase(), await makeBase()];
  await addDocuments(base, THREE);
  await setQuery(base, 'up', [0, 1]);
  const both = (mode: string) =>
    asCaller((client) =>
      all<Found>(client, `select * from howdah.search($1, 'up', mode => $2)`, [
        [base.name, other.name],
        mode,
      ]),
    );
  expect(titles(await both('vector'))[0]).toBe('north');
  expect(titles(await both('hybrid'))[0]).toBe('north');
  await db.pool.query(
    `insert into howdah.documents (tenant_id, knowledge_base_id, title, content)
     values ($1, $2, 'up', 'up')`,
    [tenant, other.id],
  );
  await ingestDocuments(db.pool);
  expect(await refusal(both('vector'))).toMatchObject({
    code: 'HWINV',
    fields: { knowledge_base: other.name },
  });
});

test('the models of a search are those of the base that it names', async () => {
  const [base, other] = [await makeBase(), await makeBase()];
  for (const each of [base, other]) await addDocuments(each, THREE);
  const agent = await makeAgent(db.pool, { tenant_id: tenant });
  const run = await makeRun(db.pool, { tenant_id: tenant, agent_id: agent });
  await db.pool.query(
    `insert into howdah.agent_knowledge_bases (tenant_id, agent_id, knowledge_base_id)
     select $1, $2, b.id from unnest($3::uuid[]) as b (id)`,
    [tenant, agent, [base.id, other.id]],
  );
  const models = async (args: object) =>
    (
      await all<{ model_digest: string; id: string }>(
        db.pool,
        `select model_digest, model ->> 'id' as id from howdah_private.models_of_search($1, $2)`,
        [run, JSON.stringify({ query: 'up', ...args })],
      )
    ).map(({ id }) => id);
  expect((await models({})).toSorted()).toEqual([base.model, other.model].toSorted());
  expect(await models({ base: other.name })).toEqual([other.model]);
  await db.pool.query(
    `insert into howdah.limits (tenant_id, scope, subject_id, metric, period, max_value)
     values ($1, 'agent', $2, 'tokens', 'day', 5)`,
    [tenant, agent],
  );
  const embedQuery = `select howdah_private.end_query_embedding(
    $1, g.model_digest, g.model, md5('up'), '{1,0}', null, 5, $2)
    from howdah_private.embedding_generations as g where g.knowledge_base_id = $3 and g.is_current`;
  await db.pool.query(embedQuery, [tenant, run, base.id]);
  expect(await models({})).toEqual([]); // the limit of the agent is used up
  await db.pool.query('delete from howdah.limits where tenant_id = $1', [tenant]);
  expect(await models({})).toEqual([other.model]);
});

test('a deleted chunk locks the generations of its base before its vectors', async () => {
  const base = await makeBase();
  await addDocuments(base, THREE);
  await committed(db.pool, async (client) => {
    await client.query('delete from howdah.documents where knowledge_base_id = $1', [base.id]);
    const other = db.pool.query(
      `select from howdah_private.embedding_generations
       where knowledge_base_id = $1 for update nowait`,
      [base.id],
    );
    expect(await refusal(other)).toMatchObject({ code: '55P03' });
    const { free } = await one<{ free: boolean }>(
      db.pool,
      'select pg_try_advisory_xact_lock(howdah_private.generations_lock_key($1)) as free',
      [base.id],
    );
    expect(free).toBe(false);
  });
});

test('rankings take whole numbers in each form, and no weight too small to divide by', async () => {
  const base = await makeBase('{"expansion": {"chunks": 2.0, "terms": 1e1}}');
  await addDocuments(base, THREE);
  expect(titles(await search(base, 'north'))[0]).toBe('north');
  for (const ranking of [
    '{"weights": {"text": 1e-320, "vector": 0}}',
    '{"weights": {"text": 0.0001, "vector": 1}}',
  ])
    expect(await refusal(makeBase(ranking))).toMatchObject({
      code: 'HWINV',
      fields: { field: 'ranking' },
    });
});

test('refuses a model of another purpose', async () => {
  const base = await makeBase();
  const model = await makeModel('llm');
  const refused = db.pool.query(
    'update howdah.knowledge_bases set embedding_model_id = $2 where id = $1',
    [base.id, model],
  );
  expect(await refusal(refused)).toMatchObject({
    code: 'HWINV',
    fields: { field: 'embedding_model_id' },
  });
});

describe('embed_query', () => {
  const ask = (bases: string[] | null, query: string, mode: string | null = null) =>
    committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant]);
      await client.query('set local role howdah_app');
      const text = 'select howdah.embed_query($1, $2, $3) as state';
      return (await one<{ state: object }>(client, text, [bases, query, mode])).state;
    });
  const jobs = () =>
    all(db.pool, `select id from graphile_worker.jobs where task_identifier = 'embed_query'`);

  test('queues one job for a query, which is forgotten with its vector', async () => {
    const base = await makeBase();
    await addDocuments(base, THREE);
    const before = (await jobs()).length;
    expect(await ask([base.name], 'which way?')).toEqual({ status: 'pending' });
    expect(await ask([base.name], 'which way?')).toEqual({ status: 'pending' });
    expect((await jobs()).length - before).toBe(1);
    await setQuery(base, 'which way?', [1, 0]);
    expect(await ask(null, 'which way?')).toEqual({ status: 'ready' });
    const { query } = await one<{ query: string | null }>(
      db.pool,
      `select query from howdah_private.query_embeddings where digest = md5('which way?')`,
    );
    expect(query).toBeNull();
  });

  test('asks for nothing that the mode of the search does not need', async () => {
    const base = await makeBase('{"weights": {"text": 1, "vector": 0}}');
    await addDocuments(base, THREE);
    expect(await ask([base.name], 'up')).toEqual({ status: 'none' });
    expect(await ask([base.name], 'up', 'text')).toEqual({ status: 'none' });
    expect(await ask([base.name], 'up', 'vector')).toEqual({ status: 'pending' });
  });

  test('refuses more than 100 queries that wait', async () => {
    const base = await makeBase();
    await addDocuments(base, THREE);
    await db.pool.query(
      `insert into howdah_private.query_embeddings (tenant_id, model_digest, digest, model, query)
       select $1, 'another', md5(n::text), '{}', n::text from generate_series(1, 100) as n`,
      [tenant],
    );
    expect(await refusal(ask([base.name], 'one more'))).toMatchObject({
      code: 'HWQTA',
      fields: { field: 'query', max_pending: 100 },
    });
    await setQuery(base, 'known', [1, 0]);
    expect(await ask([base.name], 'known')).toEqual({ status: 'ready' });
    await db.pool.query('update howdah_private.query_embeddings set query = null');
    expect(await ask([base.name], 'one more')).toEqual({ status: 'pending' });
  });

  test('counts the tokens of queries with those of a base', async () => {
    const base = await makeBase();
    await addDocuments(base, THREE);
    await setQuery(base, 'up', [1, 0]);
    const { tokens } = await one<{ tokens: string }>(
      db.pool,
      'select tokens::text from howdah_private.embedding_generations where knowledge_base_id = $1',
      [base.id],
    );
    expect(tokens).toBe('8');
  });

  test('counts for the limits of the tenant, and asks no model while one is used up', async () => {
    const base = await makeBase();
    await addDocuments(base, THREE);
    await db.pool.query(
      `insert into howdah.limits (tenant_id, scope, metric, period, max_value)
       values ($1, 'tenant', 'tokens', 'day', 7)`,
      [tenant],
    );
    await setQuery(base, 'down', [0, -1]); // uses 7 tokens
    const before = (await jobs()).length;
    const error = { code: 'limit_reached', message: expect.stringContaining('limit') };
    expect(await ask([base.name], 'left')).toEqual({ status: 'failed', error });
    expect(await ask([base.name], 'down')).toEqual({ status: 'ready' });
    expect((await jobs()).length).toBe(before);
    expect(titles(await search(base, 'north'))).toEqual(['north']); // by words
    await db.pool.query('delete from howdah.limits where tenant_id = $1', [tenant]);
    await db.pool.query(
      `update howdah_private.query_embeddings set requested_at = now() - interval '11 seconds'`,
    );
    expect(await ask([base.name], 'left')).toEqual({ status: 'pending' });
  });

  test('says none for bases without vectors, and why a model failed', async () => {
    expect(await ask(null, 'tea')).toEqual({ status: 'none' });
    const base = await makeBase();
    await addDocuments(base, THREE);
    await ask(null, 'broken');
    await db.pool.query(
      `select howdah_private.end_query_embedding($1, q.model_digest, q.model, q.digest, null,
         '{"code": "timeout"}', 0)
       from howdah_private.query_embeddings as q where q.query = 'broken'`,
      [tenant],
    );
    const failed = { status: 'failed', error: { code: 'timeout' } };
    expect(await ask([base.name], 'broken')).toEqual(failed);
    expect(await refusal(ask([base.name], ' '))).toMatchObject({ fields: { field: 'query' } });
  });
});

test('vectors of queries are kept for a day', async () => {
  const base = await makeBase();
  await addDocuments(base, THREE);
  await setQuery(base, 'yesterday', [1, 0]);
  await db.pool.query(
    `update howdah_private.query_embeddings set requested_at = now() - interval '25 hours'
     where digest = md5('yesterday')`,
  );
  await setQuery(base, 'today', [1, 0]);
  await db.pool.query('select howdah_private.delete_old_query_embeddings()');
  const kept = await all<{ digest: string }>(
    db.pool,
    `select q.digest from howdah_private.query_embeddings as q
     join howdah_private.embedding_generations as g on g.model_digest = q.model_digest
     where g.knowledge_base_id = $1`,
    [base.id],
  );
  expect(kept).toEqual([{ digest: createHash('md5').update('today').digest('hex') }]);
});

test('expansion adds terms of the best chunks to the query', async () => {
  const documents = [
    { title: 'a', content: 'The heron is a wader that stands in shallow water.', vector: [1] },
    { title: 'b', content: 'A wader in shallow water eats frogs.', vector: [1] },
    { title: 'c', content: 'Nothing about birds.', vector: [1] },
  ];
  const plain = await makeBase('{"weights": {"text": 1, "vector": 0}}');
  await addDocuments(plain, documents);
  expect(titles(await search(plain, 'heron'))).toEqual(['a']);
  await db.pool.query(
    `update howdah.knowledge_bases set ranking = '{"expansion": {"chunks": 1}}' where id = $1`,
    [plain.id],
  );
  expect(titles(await search(plain, 'heron', { mode: 'text' }))).toEqual(['a', 'b']);
});
