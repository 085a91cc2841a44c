import { createRequire } from 'node:module';
import type pg from 'pg';
import type { Bench } from '../bench.ts';
import { type Figure, figure } from '../figures.ts';
import { addDocuments } from '../rankings/add-documents.ts';
import { type Collection, meanOf, ndcgOf, readCollection } from '../rankings/collections.ts';
import { compareCompounds } from '../rankings/compare-compounds.ts';
import { compareLanguages } from '../rankings/compare-languages.ts';
import { compareRankings } from '../rankings/compare-rankings.ts';
import { findEmbedder } from '../rankings/embedder.ts';
import { search } from '../rankings/search-base.ts';
import { searchCosts } from '../rankings/search-costs.ts';
import { vectorTimes } from '../rankings/vector-times.ts';

/** Collections with judged queries, in `HOWDAH_TEST_ASSETS`, and the least nDCG@10. */
const COLLECTIONS = [
  { name: 'cranfield', atLeast: 0.37 },
  { name: 'cisi', atLeast: 0.36 },
];
/** Number of times that the first collection is inserted, for the times: 50,400 chunks. */
const COPIES = 36;
const QUERIES = 60;

/** The names of `minisearch` and its stemmer in `bench/peers`. */
const PEER = ['minisearch', 'wink-porter2-stemmer'] as const;

/**
 * Searches knowledge bases: how well the ranking agrees with judgements of people, beside
 * `minisearch` with a stemmer on the same texts, and how long ingestion and searches take. Needs
 * `HOWDAH_TEST_ASSETS`, and for the parts about languages and compounds the Debian Reference.
 */
export const knowledge: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  const figures: Figure[] = [];
  const find = await findEmbedder();
  try {
    for (const { name, atLeast } of COLLECTIONS) {
      const collection = readCollection(name);
      await addDocuments(database.pool, { name }, collection.documents);
      const text = await ndcgOf(collection, (query) => search(database.pool, name, query, 100));
      const own = meanOf(text);
      figures.push(figure('knowledge', `${name}_ndcg_at_10`, own, 'ratio', { atLeast }));
      figures.push(...(await compareRankings(database.pool, collection, text, { find, talk })));
      const peer = peerSearch(collection);
      if (peer) {
        const value = meanOf(await ndcgOf(collection, peer));
        const label = `minisearch_${name}_ndcg_at_10`;
        figures.push(figure('knowledge', label, value, 'ratio', { role: 'peer' }));
      }
      talk(`knowledge: ${name} ${own.toFixed(3)}`);
    }
    figures.push(...(await compareLanguages(database.pool, talk)));
    figures.push(...(await compareCompounds(database.pool, talk)));
    figures.push(...(await searchCosts(database, talk)));
    figures.push(...(await vectorTimes(database, talk)), ...(await timesOf(database.pool)));
    return figures;
  } finally {
    await database.drop();
  }
};

/** Returns a search of `minisearch` with a stemmer, or undefined if it is not installed. */
function peerSearch({ documents }: Collection): ((query: string) => Promise<string[]>) | undefined {
  const require = createRequire(new URL('../peers/package.json', import.meta.url));
  if (!PEER.every((name) => isInstalled(require, name))) return undefined;
  const MiniSearch = require('minisearch');
  const stem = require('wink-porter2-stemmer') as (word: string) => string;
  const index = new MiniSearch({
    idField: '_id',
    fields: ['title', 'text'],
    processTerm: (term: string) => stem(term.toLowerCase()),
  });
  index.addAll(documents);
  return async (query) => index.search(query).map(({ id }: { id: string }) => id);
}

function isInstalled(require: NodeJS.Require, name: string): boolean {
  try {
    require.resolve(name);
    return true;
  } catch {
    return false;
  }
}

/** Measures ingestion, and searches with three and nine words in 50,400 chunks. */
async function timesOf(pool: pg.Pool): Promise<Figure[]> {
  const collection = readCollection('cranfield');
  const start = performance.now();
  await addDocuments(pool, { name: 'large', copies: COPIES }, collection.documents);
  const seconds = (performance.now() - start) / 1_000;
  const rate = (collection.documents.length * COPIES) / seconds;
  const figures = [figure('knowledge', 'documents_per_second', rate, 'documents/s')];
  for (const { words, atMost } of [
    { words: 3, atMost: 15 },
    { words: 9, atMost: 100 },
  ]) {
    const times: number[] = [];
    for (const { text } of collection.queries.slice(0, QUERIES)) {
      const query = text.split(' ').filter(isContentWord).slice(0, words).join(' ');
      await search(pool, 'large', query, 10);
      const begin = performance.now();
      await search(pool, 'large', query, 10);
      times.push(performance.now() - begin);
    }
    const name = `search_${words}_words_50k_ms_p50`;
    figures.push(figure('knowledge', name, times, 'ms', { atMost }));
  }
  return figures;
}

/** Leaves out stop words, so that a query has as many terms as it says. */
const isContentWord = (word: string) =>
  word.length > 3 && !/^(what|have|been|with|that)$/.test(word);
