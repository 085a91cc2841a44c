import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  type FakeAnswer,
  type FakeServer,
  startOpenAiServer,
} from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { callTools, makeAgent, resultsOf, runToEnd } from '../../runtime/arrange.ts';
import { addHooks, createHookShop } from '../../runtime/hooks/hook-shop.ts';
import { all, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { type CallOptions, call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Knowledge bases with a reranker behind a server in the format of Jina and Cohere: over REST,
// GraphQL, by commands and in searches of agents.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';

const database = testDatabase();
let api: ApiServer;
let worker: Worker | undefined;
let server: FakeServer;
let fault: FakeAnswer | undefined;
let key: string;
let base: string;
let reranker: string;

const DOCUMENTS = {
  Refunds: 'Refund refund refund: see the terms.',
  Terms: 'A refund is possible within 30 days.',
  Shipping: 'The shipping of a parcel for a refund is free of charge in all of Europe.',
};
/** The order of the words alone, and the one of the server. */
const BY_WORDS = ['Refunds', 'Terms', 'Shipping'];
const BY_SERVER = ['Terms', 'Shipping', 'Refunds'];

/** Scores documents by words, as a cross-encoder would. */
function rank({ body }: { body: JsonObject }): FakeAnswer {
  if (fault) return fault;
  const results = (body.documents as string[]).map((text, index) => ({
    index,
    relevance_score: text.includes('30 days') ? 0.9 : text.includes('parcel') ? 0.5 : -0.1,
  }));
  const raw = JSON.stringify({ results, usage: { total_tokens: 100 } });
  return { raw, headers: { 'content-type': 'application/json' } };
}

const ask = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
  call(api, method, path, body, { token: key, ...options });

beforeAll(async () => {
  server = await startOpenAiServer(rank);
  api = await startTestApi(database.url, tokenOptions);
  worker = await startTestWorker(database.url);
  ({ key } = await one<{ key: string }>(
    database.pool,
    `select key from howdah.create_api_key('owner', 'owner')`,
  ));
  vi.stubEnv('HOWDAH_API_KEY', key);
  const row = await one<{ id: string }>(
    database.pool,
    `insert into howdah.models (name, provider, model, purpose, base_url, input_price)
     values ('judge', 'openai', 'rerank-1', 'rerank', $1, 1) returning id`,
    [server.url],
  );
  reranker = row.id;
  const made = await ask('POST', '/api/knowledge-bases', {
    ...{ name: 'handbook', rerank_model_id: reranker, rerank_candidates: 20 },
  });
  expect(made.body).toMatchObject({ rerank_model_id: reranker, rerank_candidates: 20 });
  base = made.body.id;
  for (const [title, content] of Object.entries(DOCUMENTS)) {
    await ask('POST', `/api/knowledge-bases/${base}/documents`, { title, content });
  }
  await untilDivided();
});
beforeEach(async () => {
  fault = undefined;
  await database.pool.query('delete from howdah_private.query_rankings; delete from howdah.limits');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await worker?.stop(0);
  await api?.close();
  await server?.close();
});

const untilDivided = () =>
  eventually(
    database.pool,
    'the documents are divided',
    `select from howdah.documents having bool_and(status = 'ready')`,
    [],
  );
type Hit = { title: string; ranks: Record<string, unknown> };
const titles = (hits: Hit[]) => hits.map(({ title }) => title);
const search = async (query = 'refund') =>
  (await ask('GET', `/api/knowledge-bases/${base}/search?query=${encodeURIComponent(query)}`)).body
    .chunks as Hit[];

test('REST asks the model, which is sent the query, titles and texts', async () => {
  const seen = server.requests.length;
  const hits = await search();
  expect(titles(hits)).toEqual(BY_SERVER);
  expect(hits[0]?.ranks).toMatchObject({
    ...{ fused: { rank: 2 }, rerank: { rank: 1, score: 0.9 } },
    text: { rank: 2, terms: ['refund'] },
  });
  expect(server.requests.slice(seen).map(({ path, body }) => [path, body])).toEqual([
    [
      '/v1/rerank',
      {
        ...{ model: 'rerank-1', query: 'refund' },
        documents: BY_WORDS.map((title) => `${title}\n${DOCUMENTS[title as 'Terms']}`),
      },
    ],
  ]);
  await search();
  expect(server.requests).toHaveLength(seen + 1); // the ranking is kept
});

test('the state of the base has the calls', async () => {
  const before = (await ask('GET', `/api/knowledge-bases/${base}/state`)).body.reranking;
  await search();
  const after = (await ask('GET', `/api/knowledge-bases/${base}/state`)).body.reranking;
  expect(after).toMatchObject({ model: 'judge', candidates: 20, error: null });
  expect([after.calls - before.calls, after.tokens - before.tokens]).toEqual([1, 100]);
  expect(after.cost - before.cost).toBeCloseTo(0.0001, 9);
});

test.each([
  ['the database', (...argv: string[]) => runCli(database.url, ...argv)],
  ['a server', (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url)],
])('commands search with the reranker in %s', async (_, run) => {
  const { status, stdout, stderr } = await run('kb', 'search', 'handbook', 'refund', '--json');
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(titles(JSON.parse(stdout).items)).toEqual(BY_SERVER);
  fault = { status: 503 };
  const failed = await run('kb', 'search', 'handbook', 'refund parcel');
  expect(failed.status).toBe(0);
  expect(failed.stdout).toContain('30 days');
  expect(failed.stderr).toContain('Not reranked: ');
});

test('GraphQL asks for the ranking, and then searches', async () => {
  const find = '{ search(bases: ["handbook"], query: "refund") { nodes { title ranks } } }';
  const before = await askGraphql(api, find, {}, key);
  expect(titles(before.data.search.nodes)).toEqual(BY_WORDS);
  expect(before.data.search.nodes[0].ranks.rerank.error.code).toBe('not_ranked');
  const mutation = `mutation {
    rerankQuery(input: {bases: ["handbook"], query: "refund"}) { result } }`;
  await vi.waitFor(async () => {
    const { data } = await askGraphql(api, mutation, {}, key);
    expect(data.rerankQuery.result).toEqual({ status: 'ready' });
  }, 10_000);
  const after = await askGraphql(api, find, {}, key);
  expect(titles(after.data.search.nodes)).toEqual(BY_SERVER);
});

test.each<[string, FakeAnswer, string]>([
  ['is down', { status: 503 }, 'overloaded'],
  ['rejects the key', { status: 401 }, 'unauthorized'],
  [
    'answers nonsense',
    { raw: '{}', headers: { 'content-type': 'application/json' } },
    'bad_answer',
  ],
])('a search keeps its order while the server %s', async (_, answer, code) => {
  fault = answer;
  const hits = await search();
  expect(titles(hits)).toEqual(BY_WORDS);
  expect(hits[0]?.ranks).toMatchObject({ rerank: { error: { code } } });
});

describe.each(['llm', 'embedding'])('a model of purpose %s is refused', (purpose) => {
  const refused = { code: 'HWINV', field: 'rerank_model_id' };
  const makeModel = async () => {
    const { body } = await ask('POST', '/api/models', {
      ...{ name: `${purpose} ${crypto.randomUUID()}`, provider: 'local', model: 'm', purpose },
    });
    return body.id as string;
  };

  test('over REST', async () => {
    const { status, body } = await ask('PATCH', `/api/knowledge-bases/${base}`, {
      rerank_model_id: await makeModel(),
    });
    expect(status).toBe(400);
    expect(body).toMatchObject({ ...refused, hint: expect.stringContaining('purpose rerank') });
  });

  test('by commands', async () => {
    const change = ['kb', 'change', 'handbook', '--rerank-model', await makeModel()];
    const { status, stderr } = await runCli(database.url, ...change);
    expect([status, stderr]).toEqual([2, expect.stringContaining('purpose rerank')]);
  });

  test('in GraphQL', async () => {
    const { errors } = await askGraphql(
      api,
      `mutation ($id: UUID!, $model: UUID) {
        updateKnowledgeBase(input: {id: $id, patch: {rerankModelId: $model}}) { clientMutationId } }`,
      { id: base, model: await makeModel() },
      key,
    );
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'HWINV' });
  });
});

/** Runs an agent that searches its bases once. Returns the run, what it found, and its records. */
async function searchAs(
  query: string,
  { hooks = false, bases = [{ id: base, k: 5, weight: 1 }] } = {},
) {
  const agent = await makeAgent(database.pool, {
    script: [callTools({ name: 'knowledge_search', arguments: { query } }), { content: 'done' }],
    tools: ['knowledge_search'],
  });
  await database.pool.query(
    `insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id, k, weight)
     select $1, b.id, b.k, b.weight from jsonb_to_recordset($2) as b (id uuid, k int, weight float8)`,
    [agent, JSON.stringify(bases)],
  );
  if (hooks) {
    await createHookShop(database.pool);
    await addHooks(database.pool, agent, 'shop.heard', ['tool_before']);
  }
  const run = await runToEnd(database.pool, agent);
  expect(run).toMatchObject({ status: 'completed' });
  const [text = '{}'] = await resultsOf(database.pool, run.id);
  const searched = await one<{ rerank_error: string | null }>(
    database.pool,
    'select rerank_error from howdah.searches where execution_id = $1',
    [run.id],
  );
  const results = await all(
    database.pool,
    `select rerank_rank, rerank_score from howdah.search_results
     where execution_id = $1 order by rank`,
    [run.id],
  );
  return { id: run.id, agent, ...searched, results, found: titles(JSON.parse(text).chunks) };
}

test('an agent gets the chunks in the order of the model', async () => {
  const { found, rerank_error, results, id } = await searchAs('refund');
  expect([found, rerank_error]).toEqual([BY_SERVER, null]);
  expect(results).toEqual([
    { rerank_rank: 1, rerank_score: 0.9 },
    { rerank_rank: 2, rerank_score: 0.5 },
    { rerank_rank: 3, rerank_score: -0.1 },
  ]);
  const stored = 'select query from howdah_private.query_rankings';
  expect(await all(database.pool, stored)).toEqual([{ query: null }]);
  const fork = await one(database.pool, 'select (howdah.fork_execution($1, 4)).id', [id]);
  const copied = await all(
    database.pool,
    'select rerank_rank from howdah.search_results where execution_id = $1 order by rank',
    [fork.id],
  );
  expect(copied).toEqual([{ rerank_rank: 1 }, { rerank_rank: 2 }, { rerank_rank: 3 }]);
  await eventually(
    database.pool,
    'the fork ends, whose tokens would count in other tests',
    `select from howdah.executions where id = $1 and status = 'completed'`,
    [fork.id],
  );
});

test('an agent gets the order without the model when it fails, and the base counts that', async () => {
  const health = async () =>
    (await ask('GET', `/api/knowledge-bases/${base}/health`)).body.searches_not_reranked;
  const before = await health();
  fault = { status: 429 };
  const { found, rerank_error, results } = await searchAs('refund');
  expect([found, rerank_error]).toEqual([BY_WORDS, 'rate_limited']);
  expect(results[0]).toEqual({ rerank_rank: null, rerank_score: null });
  expect((await health()) - before).toBe(1);
});

test('the calls of agents count for the limits of their run', async () => {
  await database.pool.query(
    `insert into howdah.limits (scope, metric, period, max_value) values
       ('tenant', 'tokens', 'day', 1000000), ('agent', 'tokens', 'day', 1000000)`,
  );
  await eventually(
    database.pool,
    'the worker has counted the runs of earlier tests for the new limits',
    `select where not exists (
       select from graphile_worker.jobs where task_identifier = 'recount_limit')`,
  );
  await database.pool.query('delete from howdah_private.limit_counters');
  const { id } = await searchAs('refund');
  const used = await all(
    database.pool,
    `select l.scope, sum(c.used)::int - (
       select sum(s.tokens_in + s.tokens_out) from howdah.steps as s where s.execution_id = $1)::int
         as tokens
     from howdah_private.limit_counters as c join howdah.limits as l on l.id = c.limit_id
     group by 1 order by l.scope::text`,
    [id],
  );
  expect(used).toEqual([
    { scope: 'agent', tokens: 100 },
    { scope: 'tenant', tokens: 100 },
  ]);
});

test('a limit that is used up while an agent works ends its calls of the model', async () => {
  await database.pool.query(
    `insert into howdah.limits (scope, metric, period, max_value) values ('tenant', 'cost', 'day', 5)`,
  );
  const { id } = await searchAs('refund');
  await database.pool.query(
    `update howdah_private.limit_counters set used = 5;
     delete from howdah_private.query_rankings`,
  );
  // the run itself would be parked, so only its search is repeated
  const rows = await all(
    database.pool,
    `select * from howdah_private.rankings_of_search($1, '{"query": "refund"}')`,
    [id],
  );
  expect(rows).toEqual([]);
  const row = await one(database.pool, 'select error from howdah_private.query_rankings');
  expect(row).toMatchObject({ error: { code: 'limit_reached' } });
});

test('the query of an agent with hooks before tools reaches no model', async () => {
  const seen = server.requests.length;
  const { found, rerank_error } = await searchAs('refund', { hooks: true });
  expect([found, rerank_error]).toEqual([BY_WORDS, 'not_ranked']);
  expect(server.requests).toHaveLength(seen);
});

test('quotas and weights of bases apply to the order of the model', async () => {
  const other = await ask('POST', '/api/knowledge-bases', {
    ...{ name: 'other', rerank_model_id: reranker },
  });
  for (const [title, content] of [
    ['Parcels', 'The refund of a parcel, refund, refund.'],
    ['Days', 'A refund takes 30 days and a lot of patience.'],
  ]) {
    await ask('POST', `/api/knowledge-bases/${other.body.id}/documents`, { title, content });
  }
  await untilDivided();
  const quotas = [
    { id: base, k: 1, weight: 1 },
    { id: other.body.id as string, k: 1, weight: 1000 },
  ];
  const { found } = await searchAs('refund', { bases: quotas });
  expect(found).toEqual(['Days', 'Terms']);
  await ask('DELETE', `/api/knowledge-bases/${other.body.id}`);
});

test('a replay compares searches with and without the reranker', async () => {
  await database.pool.query('delete from howdah.searches');
  fault = { status: 503 };
  await searchAs('refund');
  fault = undefined;
  const path = `/api/knowledge-bases/${base}/replay`;
  const without = (await ask('GET', `${path}?rerank=false`)).body.searches;
  const same = { recorded_reranked: false, used_reranked: false, overlap: 1, changes: [] };
  expect(without).toMatchObject([same]);
  expect((await ask('GET', path)).body.searches).toMatchObject([same]);
  await database.pool.query('delete from howdah_private.query_rankings');
  await eventually(
    database.pool,
    'the model has ranked the search of the replay',
    `select where (
       select howdah.rerank_query(array['handbook'], r.query, 20) ->> 'status'
       from howdah.replay_searches('handbook') as r) = 'ready'`,
    [],
  );
  const now = (await ask('GET', path)).body.searches;
  expect(now).toMatchObject([{ recorded_reranked: false, used_reranked: true, overlap: 1 }]);
  expect(now[0].changes).toEqual([
    expect.objectContaining({ title: 'Refunds', before: 1, after: 3 }),
    expect.objectContaining({ title: 'Terms', before: 2, after: 1 }),
    expect.objectContaining({ title: 'Shipping', before: 3, after: 2 }),
  ]);
  const shown = await runCli(database.url, 'kb', 'replay', 'handbook');
  expect(shown.stdout).toContain('no→yes');
  const plain = await runCli(
    UNREACHABLE,
    'kb',
    'replay',
    'handbook',
    '--no-rerank',
    '--api',
    api.url,
  );
  expect(plain.stdout).toContain('no→no');
});
