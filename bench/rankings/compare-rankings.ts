import type pg from 'pg';
import type { FindProvider } from '../../src/runtime/model-calls/embed-texts.ts';
import { type Figure, figure } from '../figures.ts';
import { type Collection, gainOf, meanOf, ndcgOf } from './collections.ts';
import { embedBase } from './embedder.ts';
import { fitWeights } from './fit-weights.ts';
import { search } from './search-base.ts';

/** A ranking of a base, and the mode in which it is searched. */
type Ranking = { label: string; ranking: object; mode: string; needsVectors?: true };

const RANKINGS: readonly Ranking[] = [
  { label: 'expansion', ranking: { expansion: {} }, mode: 'text' },
  {
    label: 'long_expansion',
    ranking: { expansion: { chunks: 10, terms: 40, keep: 0.7 } },
    mode: 'text',
  },
  { label: 'vector', ranking: {}, mode: 'vector', needsVectors: true },
  ...[1, 4, 8].map(
    (text): Ranking => ({
      label: `hybrid_${text}_to_1`,
      ranking: { weights: { text, vector: 1 } },
      mode: 'hybrid',
      needsVectors: true,
    }),
  ),
];

/**
 * Compares the rankings that a base may have with its search by words: the nDCG@10 of each, and the
 * gain over words alone with its 95 % interval. Without an embedding model, those with vectors are
 * left out.
 */
export async function compareRankings(
  pool: pg.Pool,
  collection: Collection,
  text: readonly number[],
  { find, talk }: { find: FindProvider | undefined; talk(line: string): void },
): Promise<Figure[]> {
  const { name, queries } = collection;
  const texts = queries.map(({ text: query }) => query);
  const figures: Figure[] = [];
  let isEmbedded = false;
  let vector: readonly number[] | undefined;
  for (const { label, ranking, mode, needsVectors } of RANKINGS) {
    if (needsVectors && !find) continue;
    if (needsVectors && find && !isEmbedded) {
      await embedBase(pool, find, { base: name, queries: texts });
      isEmbedded = true;
    }
    await pool.query('update howdah.knowledge_bases set ranking = $2 where name = $1', [
      name,
      JSON.stringify(ranking),
    ]);
    const values = await ndcgOf(collection, (query) => search(pool, name, query, 100, mode));
    if (mode === 'vector') vector = values;
    const { mean, low, high } = gainOf(values, text);
    const prefix = `${name}_${label}`;
    const interval = [mean, low, high].map((value) => value.toFixed(3)).join(' ');
    talk(`knowledge: ${prefix} ${meanOf(values).toFixed(3)}, gain ${interval}`);
    figures.push(
      figure('knowledge', `${prefix}_ndcg_at_10`, meanOf(values), 'ratio'),
      figure('knowledge', `${prefix}_gain`, [low, mean, high], 'ratio'),
    );
  }
  if (vector) figures.push(...(await fitWeights(pool, collection, { text, vector }, talk)));
  await pool.query(`update howdah.knowledge_bases set ranking = '{}' where name = $1`, [name]);
  return figures;
}
