import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { callTools, makeAgent, resultsOf, runToEnd } from '../../runtime/arrange.ts';
import { addHooks, createHookShop } from '../../runtime/hooks/hook-shop.ts';
import { all, makeUser, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { type CallOptions, call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// A knowledge base with an embedding model: a worker makes the vectors of its chunks and of
// queries, for REST, GraphQL, commands and agents.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';

const database = testDatabase();
let api: ApiServer;
let worker: Worker | undefined;
let key: string;
let base: string;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  worker = await startTestWorker(database.url);
  ({ key } = await one<{ key: string }>(
    database.pool,
    `select key from howdah.create_api_key('owner', 'owner')`,
  ));
  vi.stubEnv('HOWDAH_API_KEY', key);
  const model = await ask('POST', '/api/models', {
    ...{ name: 'letters', provider: 'local', model: 'letters', purpose: 'embedding' },
  });
  expect(model.status).toBe(201);
  const made = await ask('POST', '/api/knowledge-bases', {
    name: 'handbook',
    embedding_model_id: model.body.id,
    ranking: { weights: { text: 4, vector: 1 } },
  });
  expect(made.body).toMatchObject({ embedding_model_id: model.body.id });
  base = made.body.id;
  for (const [title, content] of [
    ['Terms', 'Refunds are possible within 30 days.'],
    ['Shipping', 'Shipping is free.'],
  ]) {
    await ask('POST', `/api/knowledge-bases/${base}/documents`, { title, content });
  }
  await eventually(
    database.pool,
    'the chunks have vectors',
    'select from howdah_private.chunk_embeddings having count(*) = 2',
    [],
  );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await worker?.stop(0);
  await api?.close();
});

const ask = (method: string, path: string, body?: unknown, options: CallOptions = {}) =>
  call(api, method, path, body, { token: key, ...options });
const search = (query: string, mode?: string) =>
  ask(
    'GET',
    `/api/knowledge-bases/${base}/search?query=${encodeURIComponent(query)}${mode ? `&mode=${mode}` : ''}`,
  );
const CLOSE = { vector: { rank: 1, score: expect.any(Number) } };

test('REST embeds the query, by default for both legs', async () => {
  const { body } = await search('refundability', 'vector');
  expect(body.chunks[0]).toMatchObject({ title: 'Terms', ranks: CLOSE });
  const hybrid = await search('are refunds possible?');
  expect(hybrid.body.chunks[0]).toMatchObject({
    title: 'Terms',
    ranks: { ...CLOSE, text: { rank: 1, terms: ['possibl', 'refund'] } },
  });
  const text = await search('are refunds possible?', 'text');
  expect(text.body.chunks[0].ranks).not.toHaveProperty('vector');
});

test('the state of the base tells of its vectors', async () => {
  const { body } = await ask('GET', `/api/knowledge-bases/${base}/state`);
  expect(body).toMatchObject({
    chunks: 2,
    vectors: { status: 'ready', waiting: 0, refused: 0, dimensions: 4096, error: null },
  });
  expect(body.vectors.tokens).toBeGreaterThan(0);
});

test.each([
  ['the database', (...argv: string[]) => runCli(database.url, ...argv)],
  ['a server', (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url)],
])('commands search by vectors in %s', async (name, run) => {
  const args = ['kb', 'search', 'handbook', `refundable in ${name}`, '--mode', 'vector', '--json'];
  const { status, stdout, stderr } = await run(...args);
  expect({ status, stderr }).toMatchObject({ status: 0 });
  expect(JSON.parse(stdout).items[0]).toMatchObject({ title: 'Terms', ranks: CLOSE });
});

test('GraphQL asks for the vector, and then searches by it', async () => {
  const mutation = `mutation ($query: String!) {
    embedQuery(input: {bases: ["handbook"], query: $query}) { result } }`;
  const query = 'free of charge shipping';
  await vi.waitFor(async () => {
    const { data } = await askGraphql(api, mutation, { query }, key);
    expect(data.embedQuery.result).toEqual({ status: 'ready' });
  }, 10_000);
  const searched = await askGraphql(
    api,
    '{ search(bases: ["handbook"], query: "free of charge shipping", mode: "vector") { nodes { title ranks } } }',
    {},
    key,
  );
  expect(searched.data.search.nodes[0]).toMatchObject({ title: 'Shipping', ranks: CLOSE });
});

test('the tool of an agent embeds its query in the worker', async () => {
  const query = 'refundability of shipments';
  const agent = await makeAgent(database.pool, {
    script: [callTools({ name: 'knowledge_search', arguments: { query } }), { content: 'done' }],
    tools: ['knowledge_search'],
  });
  await database.pool.query(
    `insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id) values ($1, $2)`,
    [agent, base],
  );
  const run = await runToEnd(database.pool, agent);
  expect(run).toMatchObject({ status: 'completed' });
  const [text = ''] = await resultsOf(database.pool, run.id);
  expect(text).toContain('30 days');
  const rows = await all(
    database.pool,
    `select query, error from howdah_private.query_embeddings
     where digest = md5($1) and vector is not null`,
    [query],
  );
  expect(rows).toEqual([{ query: null, error: null }]);
  const modes = async () =>
    one(
      database.pool,
      `select recorded_mode, used_mode from howdah.replay_searches('handbook') where query = $1`,
      [query],
    );
  expect(await modes()).toEqual({ recorded_mode: 'hybrid', used_mode: 'hybrid' });
  await database.pool.query('delete from howdah_private.query_embeddings');
  expect(await modes()).toEqual({ recorded_mode: 'hybrid', used_mode: 'text' });
});

test('the query of an agent with hooks before tools reaches no provider', async () => {
  const query = 'secret refundability';
  const agent = await makeAgent(database.pool, {
    script: [callTools({ name: 'knowledge_search', arguments: { query } }), { content: 'done' }],
    tools: ['knowledge_search'],
  });
  await createHookShop(database.pool);
  await addHooks(database.pool, agent, 'shop.heard', ['tool_before']);
  await database.pool.query(
    `insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id) values ($1, $2)`,
    [agent, base],
  );
  expect(await runToEnd(database.pool, agent)).toMatchObject({ status: 'completed' });
  const rows = await all(
    database.pool,
    'select from howdah_private.query_embeddings where digest = md5($1)',
    [query],
  );
  expect(rows).toEqual([]);
});

test('weights are fitted on the questions of a data set, by each interface', async () => {
  await database.pool.query(
    `insert into howdah.datasets (name) values ('questions');
     insert into howdah.dataset_items (dataset_id, input, expected)
     select d.id, 'refund ' || n, '"Terms"'
     from howdah.datasets as d cross join generate_series(1, 20) as n`,
  );
  const path = `/api/knowledge-bases/${base}/fit-ranking`;
  const wrong = await ask('POST', path, { dataset: 'question' });
  expect([wrong.status, wrong.body.hint]).toEqual([404, 'Did you mean questions?']);
  let last = await ask('POST', path, { dataset: 'questions' });
  expect(last.body).toEqual({ status: 'pending', questions: 20, waiting: 20 });
  await expect
    .poll(async () => {
      last = await ask('POST', path, { dataset: 'questions' });
      return last.body.status;
    })
    .toBe('fitted');
  const { weights, fitted } = last.body;
  expect(weights).toEqual({ text: 1, vector: 0 }); // both legs find everything
  expect(fitted).toMatchObject({
    questions: 20,
    text: 1,
    difference: { verdict: 'inside the noise' },
  });
  const { body } = await ask('GET', `/api/knowledge-bases/${base}`);
  expect(body.ranking).toEqual({ weights, fitted });
  const { data } = await askGraphql(
    api,
    `mutation { fitRanking(input: { base: "handbook", dataset: "questions" }) { result } }`,
    {},
    key,
  );
  expect(data).toMatchObject({ fitRanking: { result: { status: 'fitted', weights } } });
  const json = await runCli(
    database.url,
    '--json',
    'kb',
    'fit',
    'handbook',
    '--dataset',
    'questions',
  );
  expect(JSON.parse(json.stdout)).toMatchObject({ weights });
  const over = await runCli(
    UNREACHABLE,
    'kb',
    'fit',
    'handbook',
    '--dataset',
    'questions',
    '--api',
    api.url,
  );
  expect(over.stdout).toMatch(/^questions +20$/m);
  expect(over.stdout).toMatch(/^weights\s+\{\s+"text": 1,\s+"vector": 0\s+\}/m);
  const refused = await runCli(database.url, 'kb', 'fit', 'handbook');
  expect(refused.stderr).toContain('only 0 questions have documents');
});

test('weights are fitted on the questions of answers that were liked', async () => {
  const { number } = await one<{ number: string }>(
    database.pool,
    `select number from howdah.chunks where content like 'Refunds%'`,
  );
  const person = await makeUser(database.pool, { role: 'member' });
  const runs = Array.from({ length: 21 }, async (_, n) => {
    const agent = await makeAgent(database.pool, {
      script: [
        callTools({ name: 'knowledge_search', arguments: { query: `refunds within ${n}` } }),
        { content: `Yes [^${number}].` },
      ],
      tools: ['knowledge_search'],
    });
    await database.pool.query(
      'insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id) values ($1, $2)',
      [agent, base],
    );
    const run = await runToEnd(database.pool, agent);
    // nobody liked the last one
    await database.pool.query('select howdah.give_feedback($1, $2, user_id => $3)', [
      run.id,
      n === 20 ? 0 : 1,
      person.id,
    ]);
  });
  await Promise.all(runs);
  const { status, stdout, stderr } = await runCli(database.url, '--json', 'kb', 'fit', 'handbook');
  expect(status, stderr).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    status: 'fitted',
    fitted: { questions: 20, questions_of: 'feedback' },
  });
});

test('says why a query cannot be embedded, and searches by words without a mode', async () => {
  const setProvider = (provider: string) =>
    database.pool.query(
      `update howdah_private.embedding_generations as g
       set model = model || $1, model_digest = howdah_private.embedding_digest(model || $1)`,
      [JSON.stringify({ provider })],
    );
  await setProvider('scripted');
  try {
    const refused = await search('possible refunds', 'hybrid');
    expect(refused.body).toMatchObject({ code: 'HWCNF', field: 'mode' });
    expect(refused.body.detail).toContain('the query could not be embedded');
    expect((await search('possible refunds')).body.chunks).toMatchObject([{ title: 'Terms' }]);
  } finally {
    await setProvider('local');
  }
});
