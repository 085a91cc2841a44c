import type pg from 'pg';
import { indexVectors } from '../../src/db/knowledge/index-vectors.ts';
import { type Figure, figure } from '../figures.ts';

/** Number and length of the vectors whose search is timed. */
const VECTORS = { count: 100_000, dimensions: 512 };
const SEARCHES = 20;

type Database = { pool: pg.Pool; url: string };

/**
 * Measures a search for the 10 nearest of 100,000 vectors of 512 dimensions: by their signs, and by
 * an index if the server has pgvector. The vectors are random, with 1,000 topics.
 */
export async function vectorTimes(
  { pool, url }: Database,
  talk: (line: string) => void,
): Promise<Figure[]> {
  const id = await addVectors(pool);
  const bySigns = await timeSearches(pool, id);
  const figures = [
    figure('knowledge', 'search_100k_vectors_ms_p50', bySigns, 'ms', { atMost: 150 }),
  ];
  if (await createExtension(pool)) {
    const [built] = (await indexVectors({ url })) ?? [];
    if (!built || built.error !== null) throw new Error(`no index: ${built?.error}`);
    figures.push(
      figure('knowledge', 'index_100k_vectors_s', built.ms / 1000, 's'),
      figure('knowledge', 'search_100k_indexed_vectors_ms_p50', await timeSearches(pool, id), 'ms'),
    );
  }
  for (const found of figures) talk(`knowledge: ${found.figure} ${found.value}`);
  return figures;
}

/** Creates a base with vectors and without documents. Returns the id of its generation. */
async function addVectors(pool: pg.Pool): Promise<string> {
  const { rows } = await pool.query<{ id: string }>(
    `with base as (
       insert into howdah.knowledge_bases (tenant_id, name) select id, 'vectors' from howdah.tenants limit 1
       returning id, tenant_id)
     insert into howdah_private.embedding_generations
       (tenant_id, knowledge_base_id, model, model_digest, dimensions, is_current)
     select tenant_id, id, '{}', 'random', $1, true from base returning id`,
    [VECTORS.dimensions],
  );
  const [{ id } = { id: '' }] = rows;
  await pool.query(
    `with topics as materialized (
       select topic, array_agg((random() - 0.5)::real order by place) as center
       from generate_series(1, 1000) as topic, generate_series(1, $3::int) as place
       group by topic
     )
     insert into howdah_private.chunk_embeddings (generation_id, chunk_number, signs, vector)
     select $1, -n, howdah_private.sign_bits(v.vector, null), v.vector
     from generate_series(1, $2::int) as n
     join topics as t on t.topic = 1 + n % 1000
     cross join lateral (
       select array_agg((x.value / x.length)::real order by x.place) as vector
       from (
         select c.place, c.value + random() - 0.5 + n * 0 as value,
           sqrt(sum(c.value ^ 2 + 1 / 12.0) over ()) as length
         from unnest(t.center) with ordinality as c (value, place)
       ) as x
     ) as v`,
    [id, VECTORS.count, VECTORS.dimensions],
  );
  await pool.query('vacuum analyze howdah_private.chunk_embeddings');
  return id;
}

/** Searches for vectors of the base. Returns the durations of all but the first search. */
async function timeSearches(pool: pg.Pool, generation: string): Promise<number[]> {
  const times: number[] = [];
  for (let number = 0; number <= SEARCHES; number += 1) {
    const begin = performance.now();
    await pool.query(
      `select s.* from howdah.knowledge_bases as b
       cross join lateral howdah_private.search_vectors(b, $1, (
         select e.vector from howdah_private.chunk_embeddings as e
         where e.generation_id = $1 and e.chunk_number = $2), 10, '{}') as s
       where b.name = 'vectors'`,
      [generation, -1 - number],
    );
    if (number > 0) times.push(performance.now() - begin);
  }
  return times;
}

async function createExtension(pool: pg.Pool): Promise<boolean> {
  const { rows } = await pool.query(`select from pg_available_extensions where name = 'vector'`);
  if (rows.length > 0) await pool.query('create extension if not exists vector');
  return rows.length > 0;
}
