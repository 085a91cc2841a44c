import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type pg from 'pg';
import { doTurn } from '../../workers/batch-jobs/batch-job.ts';
import { ingestionJob } from '../../workers/batch-jobs/ingest-documents.ts';
import type { Bench } from '../bench.ts';
import { type Figure, figure } from '../figures.ts';

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

type Text = { _id: string; title?: string; text: string };
type Collection = {
  name: string;
  documents: Text[];
  queries: Text[];
  /** The relevant documents of each query. */
  relevant: Map<string, Map<string, number>>;
};

/**
 * Searches knowledge bases: how well the ranking agrees with judgements of people, beside
 * `minisearch` with a stemmer on the same texts, and how long ingestion and searches take. Needs
 * `HOWDAH_TEST_ASSETS`.
 */
export const knowledge: Bench = async ({ server, talk }) => {
  const database = await server.createDatabase();
  const figures: Figure[] = [];
  try {
    for (const { name, atLeast } of COLLECTIONS) {
      const collection = readCollection(name);
      await addDocuments(database.pool, collection, 1);
      const own = await ndcgOf(collection, (query) => search(database.pool, name, query, 100));
      figures.push(figure('knowledge', `${name}_ndcg_at_10`, own, 'ratio', { atLeast }));
      const peer = peerSearch(collection);
      if (peer) {
        const value = await ndcgOf(collection, peer);
        const label = `minisearch_${name}_ndcg_at_10`;
        figures.push(figure('knowledge', label, value, 'ratio', { role: 'peer' }));
      }
      talk(`knowledge: ${name} ${own.toFixed(3)}`);
    }
    figures.push(...(await timesOf(database.pool)));
    return figures;
  } finally {
    await database.drop();
  }
};

function readCollection(name: string): Collection {
  const folder = join(process.env.HOWDAH_TEST_ASSETS ?? '', `retrieval-${name}`);
  if (!existsSync(folder)) {
    throw new Error(`${folder} does not exist: set HOWDAH_TEST_ASSETS to the test data`);
  }
  const lines = (file: string) => readFileSync(join(folder, file), 'utf8').trim().split('\n');
  const texts = (file: string) => lines(file).map((line) => JSON.parse(line) as Text);
  const relevant: Collection['relevant'] = new Map();
  for (const line of lines('qrels.tsv').slice(1)) {
    const [query = '', document = '', score] = line.trim().split('\t');
    relevant.set(query, (relevant.get(query) ?? new Map()).set(document, Number(score)));
  }
  return { name, documents: texts('corpus.jsonl'), queries: texts('queries.jsonl'), relevant };
}

/** Inserts the documents of a collection by one statement, and divides them. */
async function addDocuments(pool: pg.Pool, { name, documents }: Collection, copies: number) {
  await pool.query(
    `with base as (
       insert into howdah.knowledge_bases (tenant_id, name) select id, $1 from howdah.tenants limit 1
       returning id, tenant_id)
     insert into howdah.documents (tenant_id, knowledge_base_id, title, content, metadata)
     select b.tenant_id, b.id, coalesce(nullif(btrim(d.doc ->> 'title'), ''), 'none'),
       d.doc ->> 'text', jsonb_build_object('id', d.doc ->> '_id')
     from base as b, jsonb_array_elements($2) as d (doc), generate_series(1, $3::int)`,
    [copies === 1 ? name : 'large', JSON.stringify(documents), copies],
  );
  const job = ingestionJob({ pool });
  for (;;) {
    const lanes = (await job.lanes?.due()) ?? [];
    if (lanes.length === 0) break;
    for (const lane of lanes) {
      const { error } = await doTurn(job, lane);
      if (error !== undefined) throw error;
    }
  }
  await pool.query('vacuum analyze howdah_private.chunk_terms, howdah.chunks, howdah.documents');
}

/** Returns the ids of the documents that fit a query best, each once. */
async function search(pool: pg.Pool, base: string, query: string, k: number): Promise<string[]> {
  const { rows } = await pool.query<{ id: string }>(
    `select d.metadata ->> 'id' as id
     from howdah.search(array[$1], $2, $3) with ordinality as s
     join howdah.documents as d on d.id = s.document_id order by s.ordinality`,
    [base, query, k],
  );
  return [...new Set(rows.map(({ id }) => id))];
}

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

/** Returns the mean nDCG@10 of all judged queries. */
async function ndcgOf(
  { queries, relevant }: Collection,
  find: (query: string) => Promise<string[]>,
): Promise<number> {
  let sum = 0;
  let count = 0;
  for (const { _id, text } of queries) {
    const judged = relevant.get(_id);
    if (!judged) continue;
    const gains = (await find(text)).slice(0, 10).map((id) => judged.get(id) ?? 0);
    const best = [...judged.values()].toSorted((a, b) => b - a).slice(0, 10);
    sum += discounted(gains) / discounted(best);
    count += 1;
  }
  return sum / count;
}

const discounted = (gains: readonly number[]) =>
  gains.reduce((sum, gain, place) => sum + gain / Math.log2(place + 2), 0);

/** Measures ingestion, and searches with three and nine words in 50,400 chunks. */
async function timesOf(pool: pg.Pool): Promise<Figure[]> {
  const collection = readCollection('cranfield');
  const start = performance.now();
  await addDocuments(pool, collection, COPIES);
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
