import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import type pg from 'pg';
import { pino } from 'pino';
import { inTransaction } from '../../src/db/connection/pool.ts';
import { rerankQuery } from '../../src/db/operations/rerank-query.ts';
import { createProviders, findProvider } from '../../src/providers/registry.ts';
import { startWorker } from '../../workers/start-worker.ts';
import { dataSize } from '../data-sizes.ts';
import { type Figure, figure, percentile } from '../figures.ts';
import { addDocuments } from './add-documents.ts';
import { readCollection } from './collections.ts';
import { search } from './search-base.ts';

/** The languages of the documents of a base with several. */
const LANGUAGES = ['en', 'de', 'fr'];
/** The bases: of one language, of several, and of one with a reranker. */
const BASES = { plain: 'one language', languages: 'three languages', reranker: 'reranked' };
const K = 10;

type Database = { pool: pg.Pool; url: string };
type Times = Record<keyof typeof BASES, number[]>;

/**
 * Compares the time of a search with that of the same search in a base with the same documents: in
 * three languages, and with a reranker that answers at once. A search with a reranker asks a worker
 * for the ranking and waits for it, as over REST. The searches of a question follow each other, so
 * that the load of the machine does not count.
 */
export async function searchCosts(
  { pool, url }: Database,
  talk: (line: string) => void,
): Promise<Figure[]> {
  const collection = readCollection('cranfield');
  const { queries } = collection;
  const documents = collection.documents.slice(0, dataSize('KNOWLEDGE_DOCUMENTS'));
  const copies = Math.max(1, Math.round(dataSize('KNOWLEDGE_DOCUMENTS') / documents.length));
  const base = { copies, detectsLanguage: false };
  await addDocuments(pool, { ...base, name: BASES.plain }, documents);
  await addDocuments(pool, { ...base, name: BASES.languages, languages: LANGUAGES }, documents);
  await addDocuments(pool, { ...base, name: BASES.reranker }, documents);
  const server = await startReranker();
  const providers = createProviders({});
  const worker = await startWorker({
    ...{ url, concurrency: 1, release: 'bench', builtins: [], tools: [] },
    log: pino({ level: 'silent' }),
    provider: (model) => findProvider(providers, model),
  });
  try {
    await addReranker(pool, `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
    return figuresOf(
      await timeSearches(
        pool,
        queries.map(({ text }) => text),
      ),
      talk,
    );
  } finally {
    await worker.stop(0);
    server.close();
    server.closeAllConnections();
  }
}

/** Starts a server that answers as a reranker, which keeps the order of the documents. */
async function startReranker(): Promise<Server> {
  const server = createServer(async (request, response) => {
    const { documents } = (await json(request)) as { documents: string[] };
    const results = documents.map((_text, index) => ({ index, relevance_score: 1 / (1 + index) }));
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ results, usage: { total_tokens: 1 } }));
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return server;
}

async function addReranker(pool: pg.Pool, url: string): Promise<void> {
  await pool.query(
    `with model as (
       insert into howdah.models (tenant_id, name, provider, model, purpose, base_url)
       select b.tenant_id, 'fixed scores', 'openai', 'fixed', 'rerank', $2
       from howdah.knowledge_bases as b where b.name = $1 returning id)
     update howdah.knowledge_bases as b set rerank_model_id = m.id from model as m
     where b.name = $1`,
    [BASES.reranker, url],
  );
}

/** Times each question in each base, after a search that warms it up. */
async function timeSearches(pool: pg.Pool, questions: readonly string[]): Promise<Times> {
  const times: Times = { plain: [], languages: [], reranker: [] };
  const { rows } = await pool.query<{ id: string }>(
    'select id from howdah.knowledge_bases where name = $1',
    [BASES.reranker],
  );
  const id = rows[0]?.id ?? '';
  for (const query of questions.slice(0, dataSize('KNOWLEDGE_QUESTIONS'))) {
    for (const kind of Object.keys(BASES) as (keyof Times)[]) {
      await search(pool, BASES[kind], query, K);
      const begin = performance.now();
      if (kind === 'reranker') {
        const asked = { base: id, query, k: K, filter: '{}', mode: null };
        await rerankQuery((work) => inTransaction(pool, work), asked);
      }
      await search(pool, BASES[kind], query, K);
      times[kind].push(performance.now() - begin);
    }
  }
  return times;
}

/** The places of the times whose ratios are figures. */
const PERCENTS = [50, 95];

function figuresOf(times: Times, talk: (line: string) => void): Figure[] {
  const figures = PERCENTS.flatMap((percent) => {
    const at = (kind: keyof Times) => percentile(times[kind], percent);
    return [
      figure('knowledge', `search_one_language_ms_p${percent}`, at('plain'), 'ms'),
      figure('knowledge', `search_three_languages_ms_p${percent}`, at('languages'), 'ms'),
      figure('knowledge', `search_reranked_ms_p${percent}`, at('reranker'), 'ms'),
      figure(
        'knowledge',
        `search_three_languages_times_one_p${percent}`,
        at('languages') / at('plain'),
        'ratio',
      ),
      figure(
        'knowledge',
        `search_reranked_times_plain_p${percent}`,
        at('reranker') / at('plain'),
        'ratio',
      ),
    ];
  });
  for (const { figure: name, value, unit } of figures) talk(`knowledge: ${name} ${value} ${unit}`);
  return figures;
}
