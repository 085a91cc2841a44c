import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { indexVectors, plannedIndexes } from '../../../src/db/knowledge/index-vectors.ts';
import { vectorText } from '../../../src/db/knowledge/vector-text.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { callTools, makeAgent, runToEnd } from '../../runtime/arrange.ts';
import { all, one, refusal, rolledBack } from '../../sql/support.ts';
import { findPgvector } from '../../support/database/find-pgvector.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { embedChunks, fakeProvider } from '../../support/work/embed-chunks.ts';
import { ingestDocuments } from '../../support/work/ingest-documents.ts';
import { startTestWorker } from '../../support/worker.ts';

// Searches by an index of pgvector find what searches by signs find, and every index is created and
// dropped again. The first tests need no extension.

const hasPgvector = await findPgvector();
const db = testDatabase();
const DIMENSIONS = 16;
const K = 10;

/** Makes the numbers of a vector that depends on a number only. */
const vectorOf = (seed: number, dimensions = DIMENSIONS) =>
  Array.from({ length: dimensions }, (_, at) => Math.sin(seed * 12.9898 + (at + 1) * 78.233));

type Generation = { id: string; base: string };

type VectorOptions = { dimensions?: number; isSame?: boolean };

/** Inserts vectors whose chunks do not exist, with the numbers -1, -2 and so on. */
async function insertVectors(
  generation: string,
  count: number,
  { dimensions = DIMENSIONS, isSame = false }: VectorOptions = {},
): Promise<void> {
  await db.pool.query(
    `insert into howdah_private.chunk_embeddings (generation_id, chunk_number, signs, vector)
     select $1, -n, howdah_private.sign_bits(v.vector, null), v.vector
     from generate_series(1, $2::int) as n
     cross join lateral (
       select array_agg((x.value / x.length)::real order by x.place) as vector
       from (
         select d as place, h.value, sqrt(sum(h.value ^ 2) over ()) as length
         from generate_series(1, $3::int) as d
         cross join lateral (
           select hashint4(5000 * case when $4 then 1 else n end + d)::float8 as value
         ) as h
       ) as x
     ) as v`,
    [generation, count, dimensions, isSame],
  );
}

/** Creates a base with vectors and without documents. */
async function addVectors(count: number, options: VectorOptions = {}): Promise<Generation> {
  const generation = await one<Generation>(
    db.pool,
    `with base as (
       insert into howdah.knowledge_bases (name) values ($1) returning tenant_id, id
     )
     insert into howdah_private.embedding_generations
       (tenant_id, knowledge_base_id, model, model_digest, dimensions, is_current)
     select tenant_id, id, '{}', $1, $2, true from base
     returning id, knowledge_base_id as base`,
    [randomUUID(), options.dimensions ?? DIMENSIONS],
  );
  await insertVectors(generation.id, count, options);
  return generation;
}

const search = (client: pg.ClientBase | pg.Pool, { id, base }: Generation, vector: number[]) =>
  all<{ chunk_number: string; score: number }>(
    client as pg.ClientBase,
    `select s.* from howdah.knowledge_bases as b
     cross join lateral howdah_private.search_vectors(b, $2, $3, $4, '{}') as s where b.id = $1`,
    [base, id, vector, K],
  );

/** Compares all vectors, as no search does. */
const searchExactly = (client: pg.ClientBase, { id }: Generation, vector: number[]) =>
  all<{ chunk_number: string; score: number }>(
    client,
    `select s.* from howdah_private.score_chunks($1, $2, array(
       select e.chunk_number from howdah_private.chunk_embeddings as e where e.generation_id = $1
     )) as s order by s.score desc, s.chunk_number limit $3`,
    [id, vector, K],
  );

/** Returns the sum of two neighbouring vectors. */
const vectorBetween = async (client: pg.ClientBase, { id }: Generation, number: number) =>
  (
    await one<{ vector: number[] }>(
      client,
      `select array(
         select a + b from unnest(e.vector, o.vector) with ordinality as d (a, b, place) order by place
       ) as vector
       from howdah_private.chunk_embeddings as e, howdah_private.chunk_embeddings as o
       where e.generation_id = $1 and e.chunk_number = $2
         and o.generation_id = $1 and o.chunk_number = $2 - 1`,
      [id, -number],
    )
  ).vector;

const indexes = async () =>
  (
    await all<{ name: string }>(
      db.pool,
      `select indexrelid::regclass::text as name from pg_index
       where indrelid = 'howdah_private.chunk_embeddings'::regclass
         and indexrelid::regclass::text like '%hnsw%' order by 1`,
    )
  ).map(({ name }) => name);

const nameOf = ({ id }: Generation) => `chunk_embeddings_hnsw_${id.replaceAll('-', '')}`;

/** Returns how often this session has read the index since it last reported that. */
const scansOf = async (client: pg.ClientBase, generation: Generation) =>
  (
    await one<{ scans: number }>(
      client,
      'select pg_stat_get_xact_numscans($1::regclass)::int as scans',
      [`howdah_private.${nameOf(generation)}`],
    )
  ).scans;

const build = (atLeast = 100) => indexVectors({ url: db.url, atLeast });

const stateOf = async ({ base }: Generation) =>
  (
    await one<{ search: string }>(
      db.pool,
      `select howdah.knowledge_bases_state(b) #>> '{vectors,search}' as search
       from howdah.knowledge_bases as b where id = $1`,
      [base],
    )
  ).search;

beforeEach(async () => {
  await db.pool.query('delete from howdah.knowledge_bases');
  for (const name of await indexes()) await db.pool.query(`drop index ${name}`);
});

// the first database of a server may have the extension, which all others copy
beforeAll(() => db.pool.query('drop extension if exists vector cascade'));

test('without the extension no index is planned, and one of its name is not used', async () => {
  const generation = await addVectors(200);
  expect(await plannedIndexes(db.pool, 100)).toEqual([]);
  expect(await stateOf(generation)).toBe('signs');
  const before = await search(db.pool, generation, vectorOf(7));
  expect(before).toHaveLength(K);
  await db.pool.query(
    `create index ${nameOf(generation)} on howdah_private.chunk_embeddings (chunk_number)`,
  );
  expect(await search(db.pool, generation, vectorOf(7))).toEqual(before);
  // nothing plans it, so it goes
  expect(await build()).toMatchObject([{ action: 'drop', name: nameOf(generation), error: null }]);
  expect(await indexes()).toEqual([]);
});

test('only an owner of the database creates indexes', async () => {
  const login = `worker_${randomUUID().replaceAll('-', '')}`;
  await db.pool.query(`create role ${login} login password '${login}' in role howdah_worker`);
  try {
    const url = Object.assign(new URL(db.url), { username: login, password: login });
    expect(await refusal(indexVectors({ url: url.toString() }))).toMatchObject({ code: 'HWDEN' });
  } finally {
    await db.pool.query(`drop role ${login}`);
  }
});

describe.skipIf(!hasPgvector)('with pgvector', () => {
  beforeAll(async () => {
    // in a schema that no search path has
    await db.pool.query('create schema "Our extensions"');
    await db.pool.query('grant usage on schema "Our extensions" to public');
    await db.pool.query('create extension vector schema "Our extensions"');
  });

  test('an index finds the nearest vectors, with the scores of an exact search', async () => {
    const generation = await addVectors(2_000);
    expect(await plannedIndexes(db.pool, 2_001)).toEqual([]);
    expect(await build()).toMatchObject([
      {
        ...{ action: 'create', name: nameOf(generation), error: null },
        ...{ knowledge_base_id: generation.base, vectors: 2_000 },
      },
    ]);
    expect(await stateOf(generation)).toBe('index');
    expect(await build()).toEqual([]);
    let same = 0;
    await rolledBack(db.pool, async (client) => {
      await client.query(`set local hnsw.ef_search = 77`);
      for (let number = 1; number <= 20; number += 1) {
        const vector = await vectorBetween(client, generation, number);
        const scans = await scansOf(client, generation);
        const found = await search(client, generation, vector);
        expect(await scansOf(client, generation)).toBeGreaterThan(scans);
        const nearest = await searchExactly(client, generation, vector);
        same += found.filter((one) =>
          nearest.some((other) => isDeepStrictEqual(one, other)),
        ).length;
      }
      const settings = await one(
        client,
        `select current_setting('hnsw.ef_search') as ef_search,
           current_setting('hnsw.iterative_scan') as iterative_scan,
           coalesce(current_setting('howdah.repeated_searches', true), '') as repeated`,
      );
      expect(settings).toEqual({ ef_search: '77', iterative_scan: 'off', repeated: '' });
    });
    expect(same / (20 * K)).toBeGreaterThanOrEqual(0.99);
  });

  test('chunks that are equally near are those of the lowest numbers, as without an index', async () => {
    const generation = await addVectors(300, { isSame: true });
    await build();
    await rolledBack(db.pool, async (client) => {
      const found = await search(client, generation, vectorOf(1));
      expect(found.map(({ chunk_number }) => Number(chunk_number))).toEqual(
        Array.from({ length: K }, (_, at) => at - 300),
      );
      expect(await one(client, `select current_setting('howdah.repeated_searches') as x`)).toEqual({
        x: 'true',
      });
    });
  });

  test('more than 2,000 dimensions are indexed with half the precision, and more than 4,000 not', async () => {
    const half = await addVectors(150, { dimensions: 2_100 });
    await addVectors(120, { dimensions: 4_100 });
    const planned = await plannedIndexes(db.pool, 100);
    expect(planned.map(({ name }) => name)).toEqual([nameOf(half)]);
    expect(planned[0]?.statement).toContain('"Our extensions".halfvec(2100)');
    const before = await search(db.pool, half, vectorOf(3, 2_100));
    await build();
    expect(await search(db.pool, half, vectorOf(3, 2_100))).toEqual(before);
  });

  test('an invalid index is not used, and is built again', async () => {
    const generation = await addVectors(200);
    await build();
    await db.pool.query('update pg_index set indisvalid = false where indexrelid = $1::regclass', [
      `howdah_private.${nameOf(generation)}`,
    ]);
    expect(await stateOf(generation)).toBe('signs');
    expect(await search(db.pool, generation, vectorOf(7))).toHaveLength(K);
    expect(await build()).toMatchObject([
      { action: 'drop', error: null },
      { action: 'create', error: null },
    ]);
    expect(await stateOf(generation)).toBe('index');
  });

  test('the index of a retired generation is dropped, and that of one that has become small', async () => {
    const [retired, small, shrinking] = [
      await addVectors(200),
      await addVectors(200),
      await addVectors(200),
    ];
    await build();
    expect(await indexes()).toHaveLength(3);
    await db.pool.query(
      `update howdah_private.embedding_generations set is_current = false, retired_at = now()
       where id = $1`,
      [retired.id],
    );
    await db.pool.query(
      `delete from howdah_private.chunk_embeddings
       where (generation_id = $1 and chunk_number > -160)
         or (generation_id = $2 and chunk_number > -60)`,
      [small.id, shrinking.id],
    );
    expect((await build())?.map(({ action, name }) => `${action} ${name}`).toSorted()).toEqual(
      [retired, small].map((one) => `drop ${nameOf(one)}`).toSorted(),
    );
    expect(await indexes()).toEqual([`howdah_private.${nameOf(shrinking)}`]);
  });

  test('a second process builds nothing, and a failed build is reported', async () => {
    await addVectors(200);
    const client = await db.pool.connect();
    try {
      await client.query(`select pg_advisory_lock(hashtextextended('howdah.vector_indexes', 0))`);
      expect(await build()).toBeUndefined();
    } finally {
      await client.query('select pg_advisory_unlock_all()');
      client.release();
    }
    const usage = 'usage on schema "Our extensions"';
    await without(usage, async () => expect(await build()).toEqual([]));
    const execute = 'execute on function "Our extensions".array_to_vector(real[], int, boolean)';
    await without(execute, async () =>
      expect(await build()).toMatchObject([
        { action: 'create', error: expect.stringContaining('permission denied') },
      ]),
    );
  });

  describe('documents', () => {
    let worker: Worker | undefined;
    afterAll(() => worker?.stop(0));

    test('a filter that many chunks pass is applied while the index is read', async () => {
      const generation = await addDocuments(300);
      await build();
      const numbers = await one<{ titles: string[] }>(
        db.pool,
        `select array(
           select d.title from unnest(
             howdah_private.nearest_by_index(g, $2, 5, '{"isEven": true}')
           ) with ordinality as n (number, place)
           join howdah.chunks as c on c.number = n.number
           join howdah.documents as d on d.id = c.document_id order by n.place) as titles
         from howdah_private.embedding_generations as g where g.id = $1`,
        [generation.id, vectorOf(20)],
      );
      expect(numbers.titles).toHaveLength(5);
      expect(numbers.titles[0]).toBe('20');
      for (const title of numbers.titles) expect(Number(title) % 2).toBe(0);
    });

    test('a worker indexes a large base each night, and counts repeated searches', async () => {
      const generation = await addDocuments(1);
      await insertVectors(generation.id, 10_000, { isSame: true });
      worker = await startTestWorker(db.url);
      await db.pool.query(`select graphile_worker.add_job('index_vectors')`);
      await eventually(
        db.pool,
        'the index is built and counted',
        `select from howdah.batch_jobs where name = 'index_vectors' and done = 1`,
      );
      expect(await stateOf(generation)).toBe('index');
      await searchInRun(generation, 'which one?');
      const health = await one(
        db.pool,
        `select searches::int, searches_repeated::int from howdah.knowledge_health
         where knowledge_base_id = $1`,
        [generation.base],
      );
      expect(health).toEqual({ searches: 1, searches_repeated: 1 });
    });
  });
});

/** Does something while nobody but a superuser has a right. */
async function without(right: string, work: () => Promise<void>): Promise<void> {
  await db.pool.query(`revoke ${right} from public`);
  try {
    await work();
  } finally {
    await db.pool.query(`grant ${right} to public`);
  }
}

/** Lets an agent search a base for a query whose vector is that of the document 1. */
async function searchInRun({ base }: Generation, query: string): Promise<void> {
  await db.pool.query(
    `select howdah_private.end_query_embedding(
       g.tenant_id, g.model_digest, g.model, md5($1), $2, null, 0)
     from howdah_private.embedding_generations as g
     where g.knowledge_base_id = $3 and g.is_current`,
    [query, vectorText(vectorOf(1)), base],
  );
  const agent = await makeAgent(db.pool, {
    script: [callTools({ name: 'knowledge_search', arguments: { query } }), { content: 'done' }],
    tools: ['knowledge_search'],
  });
  await db.pool.query(
    'insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id) values ($1, $2)',
    [agent, base],
  );
  expect(await runToEnd(db.pool, agent)).toMatchObject({ status: 'completed' });
}

/** Inserts documents with these numbers as titles, and embeds them. */
async function addDocuments(count: number): Promise<Generation> {
  const name = randomUUID();
  const model = await one<{ id: string }>(
    db.pool,
    `insert into howdah.models (name, provider, model, purpose)
     values ($1, 'local', $1, 'embedding') returning id`,
    [name],
  );
  const base = await one<{ id: string }>(
    db.pool,
    'insert into howdah.knowledge_bases (name, embedding_model_id) values ($1, $2) returning id',
    [name, model.id],
  );
  await db.pool.query(
    `insert into howdah.documents (knowledge_base_id, title, content, metadata)
     select $1, n::text, 'text', jsonb_build_object('isEven', n % 2 = 0)
     from generate_series(1, $2::int) as n`,
    [base.id, count],
  );
  await ingestDocuments(db.pool);
  const { find } = fakeProvider(({ texts }) => ({
    ok: true,
    value: {
      vectors: texts.map((text) => vectorOf(Number(text.split('\n')[0]))),
      usage: { tokens_in: 1, tokens_out: 0 },
    },
  }));
  await embedChunks(db.pool, find);
  const { id } = await one<{ id: string }>(
    db.pool,
    `select id from howdah_private.embedding_generations
     where knowledge_base_id = $1 and is_current`,
    [base.id],
  );
  return { id, base: base.id };
}
