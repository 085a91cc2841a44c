import type pg from 'pg';
import { type Figure, figure } from '../figures.ts';
import { type Collection, gainOf, meanOf, ndcgOf } from './collections.ts';
import { search } from './search-base.ts';

type Values = readonly number[];

/** With two parts, too few questions of CISI would be left to fit weights on. */
const PARTS = 3;

/**
 * Measures the weights of `howdah.fit_ranking`: the nDCG@10, and the gain over the better one of
 * words and vectors with its 95 % interval. The weights for a third of the questions are fitted on
 * the others, so no question has chosen its own weights.
 */
export async function fitWeights(
  pool: pg.Pool,
  collection: Collection,
  { text, vector }: { text: Values; vector: Values },
  talk: (line: string) => void,
): Promise<Figure[]> {
  const { name } = collection;
  const judged = collection.queries.filter(({ _id }) => collection.relevant.has(_id));
  const values = new Map<number, number>();
  for (let part = 0; part < PARTS; part += 1) {
    const isOfPart = (at: number) => at % PARTS === part;
    const others = judged.filter((_, at) => !isOfPart(at));
    const weights = await fitBase(pool, collection, `${name} ${part}`, others);
    talk(`knowledge: ${name} fitted weights ${JSON.stringify(weights)}`);
    const places = judged.flatMap((_, at) => (isOfPart(at) ? [at] : []));
    const asked = { ...collection, queries: judged.filter((_, at) => isOfPart(at)) };
    const found = await ndcgOf(asked, (query) => search(pool, name, query, 100, 'hybrid'));
    for (const [at, value] of found.entries()) values.set(places[at] ?? -1, value);
  }
  const fitted = judged.map((_, at) => values.get(at) ?? 0);
  const best = meanOf(text) >= meanOf(vector) ? text : vector;
  const { mean, low, high } = gainOf(fitted, best);
  const interval = [mean, low, high].map((value) => value.toFixed(3)).join(' ');
  const figures = `${meanOf(fitted).toFixed(3)}, max ${meanOf(best).toFixed(3)}, gain ${interval}`;
  talk(`knowledge: ${name}_fitted ${figures}`);
  return [
    figure('knowledge', `${name}_fitted_ndcg_at_10`, meanOf(fitted), 'ratio'),
    figure('knowledge', `${name}_fitted_gain_over_best`, [low, mean, high], 'ratio'),
  ];
}

/** Fits the weights of a base on questions. Returns them. */
async function fitBase(
  pool: pg.Pool,
  { name, relevant }: Collection,
  dataset: string,
  questions: Collection['queries'],
): Promise<object> {
  const items = questions.map(({ _id, text }) => ({
    text,
    documents: [...(relevant.get(_id)?.entries() ?? [])].flatMap(([id, score]) =>
      score > 0 ? [id] : [],
    ),
  }));
  await pool.query(
    `with dataset as (
       insert into howdah.datasets (tenant_id, name)
       select b.tenant_id, $2 from howdah.knowledge_bases as b where b.name = $1
       returning id, tenant_id)
     insert into howdah.dataset_items (tenant_id, dataset_id, input, expected)
     select s.tenant_id, s.id, q ->> 'text', (
       select jsonb_agg(d.id) from howdah.documents as d
       join howdah.knowledge_bases as b on b.id = d.knowledge_base_id
       where b.name = $1 and d.metadata ->> 'id' in (
         select jsonb_array_elements_text(q -> 'documents')))
     from dataset as s, jsonb_array_elements($3) as q`,
    [name, dataset, JSON.stringify(items)],
  );
  const { rows } = await pool.query<{ fitted: { status: string; weights: object } }>(
    'select howdah.fit_ranking($1, $2) as fitted',
    [name, dataset],
  );
  const { status, weights } = rows[0]?.fitted ?? {};
  if (status !== 'fitted' || !weights) throw new Error(`the weights of ${name} are ${status}`);
  return weights;
}
