import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { callTools, makeAgent, runToEnd } from '../../runtime/arrange.ts';
import { all, makeApiKey, makeTenant, makeUser, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// Searches of people and applications over REST, GraphQL and by commands: each is one row.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const database = testDatabase();
const pool = () => database.pool;
let api: ApiServer;
let worker: Worker;
let keys: Record<'owner' | 'ada' | 'bob' | 'stranger', string>;
let base: string;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  worker = await startTestWorker(database.url);
  const { tenant } = await one<{ tenant: string }>(
    pool(),
    'select howdah.current_tenant()::text as tenant',
  );
  const keyOf = async (username: string, role: string) => {
    const { id } = await makeUser(pool(), { tenant_id: tenant, username, role });
    return (await makeApiKey(pool(), tenant, { role, user_id: id })).key;
  };
  const other = await makeTenant(pool());
  keys = {
    owner: (await makeApiKey(pool(), tenant, { role: 'owner' })).key,
    ada: await keyOf('ada', 'member'),
    bob: await keyOf('bob', 'viewer'),
    stranger: (await makeApiKey(pool(), other, { role: 'owner' })).key,
  };
  vi.stubEnv('HOWDAH_API_KEY', keys.ada);
  await pool().query(
    `insert into howdah.knowledge_bases (name) values ('handbook');
     insert into howdah.documents (knowledge_base_id, title, content)
     values (howdah.knowledge_base('handbook'), 'Refunds', 'A refund is possible within 30 days.')`,
  );
  await eventually(
    pool(),
    'the document is divided',
    `select from howdah.documents having bool_and(status = 'ready')`,
    [],
  );
  base = (await one<{ id: string }>(pool(), 'select id from howdah.knowledge_bases')).id;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([api?.close(), worker?.stop(0)]);
});
beforeEach(() => pool().query('delete from howdah.searches'));

const rows = () =>
  all(pool(), `select query, created_by, k, mode from howdah.searches as s order by s.id`);
const get = (path: string, token = keys.ada) => call(api, 'GET', path, undefined, { token });
const row = { query: 'refund days', created_by: 'ada', k: 10, mode: 'text' };

test('a search over REST is one row', async () => {
  const { status } = await get(`/api/knowledge-bases/${base}/search?query=refund%20days&k=3`);
  expect([status, await rows()]).toEqual([200, [{ ...row, k: 3 }]]);
});

test('a search by GraphQL is one row, whatever the query asks for', async () => {
  const { data } = await askGraphql(
    api,
    `{ search(bases: ["handbook"], query: "refund days", first: 1) {
        totalCount nodes { title } edges { cursor } pageInfo { hasNextPage } } }`,
    {},
    keys.ada,
  );
  expect(data.search).toMatchObject({ totalCount: 1, nodes: [{ title: 'Refunds' }] });
  expect(await rows()).toEqual([row]);
});

test('a search by the command is one row, over a server and on a database', async () => {
  const search = ['kb', 'search', 'handbook', 'refund days'];
  expect(await runCli(UNREACHABLE, ...search, '--api', api.url)).toMatchObject({ status: 0 });
  expect(await runCli(database.url, ...search)).toMatchObject({ status: 0 });
  const { name } = await one(pool(), 'select session_user::text as name');
  expect(await rows()).toEqual([row, { ...row, created_by: name }]);
});

test('a search of a run is one row, and its query is that of its step', async () => {
  const search = callTools({ name: 'knowledge_search', arguments: { query: 'refund days' } });
  const agent = await makeAgent(pool(), {
    script: [search, { content: 'Within 30 days.' }],
    tools: ['knowledge_search'],
  });
  await pool().query(
    'insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id) values ($1, $2)',
    [agent, base],
  );
  const { id } = await runToEnd(pool(), agent);
  expect(await rows()).toEqual([{ query: null, created_by: null, k: null, mode: 'text' }]);
  const { body } = await get('/api/searches', keys.bob);
  expect(body.data).toMatchObject([
    { query: 'refund days', execution_id: id, created_by: null, results: 1 },
  ]);
  await get(`/api/knowledge-bases/${base}/search?query=refund%20days`);
  const { body: replay } = await get(`/api/knowledge-bases/${base}/replay`);
  expect(replay).toMatchObject({
    ...{ queries: 2, overlap: 1 },
    searches: [
      { query: 'refund days', execution_id: null, step_seq: null, recorded: 1, kept: 1 },
      { query: 'refund days', execution_id: id, recorded: 1, kept: 1 },
    ],
  });
  const { body: health } = await get(`/api/knowledge-bases/${base}/health`);
  expect(health).toMatchObject({ searches: 1, direct_searches: 1 });
});

test('searches are listed and shown to who searched and to admins', async () => {
  await get(`/api/knowledge-bases/${base}/search?query=refund%20days`);
  const counts = [];
  for (const token of [keys.ada, keys.owner, keys.bob, keys.stranger]) {
    counts.push((await get('/api/searches', token)).body.data.length);
  }
  expect(counts).toEqual([1, 1, 0, 0]);
  const [listed] = (await get('/api/searches')).body.data;
  expect(listed).toMatchObject({ ...row, results: 1, knowledge_base_ids: [base] });
  expect((await get(`/api/searches/${listed.id}`)).body).toEqual(listed);
  expect((await get(`/api/searches/${listed.id}`, keys.bob)).status).toBe(404);
  expect((await get(`/api/searches/${listed.id}`, keys.stranger)).status).toBe(404);
  expect((await get(`/api/searches?user_id=${listed.user_id}`)).body.data).toHaveLength(1);
  expect((await get('/api/searches?query=x')).status).toBe(400);
  const graphql = await askGraphql(
    api,
    `{ knowledgeSearch(id: "${listed.id}") {
        query createdBy user { username } results { nodes { rank } } }
       replaySearches(base: "handbook") { nodes { query executionId searchId } } }`,
    {},
    keys.ada,
  );
  expect(graphql.data).toEqual({
    knowledgeSearch: {
      ...{ query: 'refund days', createdBy: 'ada', user: { username: 'ada' } },
      results: { nodes: [{ rank: 1 }] },
    },
    replaySearches: {
      nodes: [{ query: 'refund days', executionId: null, searchId: listed.id }],
    },
  });
  const list = ['dev', 'searches', 'list'];
  for (const run of [
    runCli(UNREACHABLE, ...list, '--api', api.url),
    runCli(database.url, ...list),
    runCli(database.url, ...list, '--json'),
  ]) {
    expect((await run).stdout).toContain('refund days');
  }
});

test('an admin turns it off for a base, and a member may not', async () => {
  const path = `/api/knowledge-bases/${base}`;
  const change = (token: string, records_searches: boolean) =>
    call(api, 'PATCH', path, { records_searches }, { token });
  expect((await change(keys.ada, false)).status).toBe(403);
  expect((await change(keys.owner, false)).body).toMatchObject({ records_searches: false });
  expect((await get(`${path}/search?query=refund`)).body.chunks).toHaveLength(1);
  expect(await rows()).toEqual([]);
  await change(keys.owner, true);
  await get(`${path}/search?query=refund`);
  expect(await rows()).toEqual([{ ...row, query: 'refund' }]);
});

test('lists the searches of a base, also those in other bases besides', async () => {
  const { id: guide } = await one<{ id: string }>(
    pool(),
    `insert into howdah.knowledge_bases (name) values ('guide') returning id`,
  );
  try {
    await get(`/api/knowledge-bases/${base}/search?query=refund`);
    await get(`/api/knowledge-bases/${guide}/search?query=guided`);
    const both = `{ search(bases: ["handbook", "guide"], query: "both") { nodes { title } } }`;
    expect((await askGraphql(api, both, {}, keys.ada)).errors).toEqual([]);
    const list = async (id: string, token = keys.ada) =>
      (await get(`/api/searches?knowledge_base_id=${id}`, token)).body.data.map(
        ({ query }: { query: string }) => query,
      );
    expect([await list(base), await list(guide)]).toEqual([
      ['both', 'refund'],
      ['both', 'guided'],
    ]);
    expect([await list(base, keys.bob), await list(base, keys.owner)]).toEqual([
      [],
      ['both', 'refund'],
    ]);
    expect(await list(base, keys.stranger)).toEqual([]);
    const { status, body } = await get('/api/searches?knowledge_base_id=handbook');
    expect([status, JSON.stringify(body)]).toEqual([
      400,
      expect.stringContaining('knowledge_base_id'),
    ]);
    const of = '{ searchesOf(knowledgeBase: "guide", most: 1) { nodes { query } } }';
    expect((await askGraphql(api, of, {}, keys.ada)).data).toEqual({
      searchesOf: { nodes: [{ query: 'both' }] },
    });
    const command = ['kb', 'searches', 'guide', '--json', '--api', api.url];
    const listed = await runCli(UNREACHABLE, ...command);
    expect(JSON.parse(listed.stdout).items).toMatchObject([{ query: 'both' }, { query: 'guided' }]);
  } finally {
    await pool().query(`delete from howdah.knowledge_bases where name = 'guide'`);
  }
});
