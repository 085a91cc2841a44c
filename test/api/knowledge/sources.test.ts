import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { callTools, makeAgent, runToEnd } from '../../runtime/arrange.ts';
import { all, makeTenant, one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask as askGraphql, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { tokenOptions } from '../subscriptions/tokens.ts';

// The sources of answers, stale answers and repeated searches over REST, GraphQL and by commands.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const database = testDatabase();
const pool = () => database.pool;
let api: ApiServer;
let worker: Worker;
let token: string;
let stranger: string;
let base: string;
let run: string;
let number: number;

const keyOf = async (tenant: string) => {
  const client = await pool().connect();
  try {
    await client.query(`select set_config('howdah.tenant_id', $1, false)`, [tenant]);
    const text = `select key from howdah.create_api_key('owner', 'owner')`;
    return (await one<{ key: string }>(client, text, [])).key;
  } finally {
    await client.query('discard all');
    client.release();
  }
};
const ask = (path: string, options = { token }) => call(api, 'GET', path, undefined, options);
const untilDivided = () =>
  eventually(
    pool(),
    'the documents are divided',
    `select from howdah.documents having bool_and(status = 'ready')`,
    [],
  );

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  worker = await startTestWorker(database.url);
  const { tenant } = await one(pool(), 'select howdah.current_tenant()::text as tenant');
  token = await keyOf(tenant as string);
  stranger = await keyOf(await makeTenant(pool()));
  vi.stubEnv('HOWDAH_API_KEY', token);
  await pool().query(
    `insert into howdah.knowledge_bases (name) values ('handbook');
     insert into howdah.documents (knowledge_base_id, title, content) values
       (howdah.knowledge_base('handbook'), 'Refunds',
         E'# Terms\n\nA refund is possible within 30 days.\n\n# Costs\n\nA refund costs nothing.')`,
  );
  await untilDivided();
  const chunk = await one(
    pool(),
    `select knowledge_base_id::text as base, number::int from howdah.chunks
     where content like '%30 days%'`,
  );
  base = chunk.base as string;
  number = chunk.number as number;
  const search = callTools({ name: 'knowledge_search', arguments: { query: 'refund days' } });
  const agent = await makeAgent(pool(), {
    script: [search, { content: `Within 30 days [^${number}].` }],
    tools: ['knowledge_search'],
  });
  await pool().query(
    `insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id) values ($1, $2)`,
    [agent, base],
  );
  run = (await runToEnd(pool(), agent)).id;
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await Promise.all([api?.close(), worker?.stop(0)]);
});

test('the sources of an answer have the text, its headings and whether it still holds', async () => {
  const source = {
    ...{ start_offset: 15, end_offset: 15 + `[^${number}]`.length, chunk_number: number },
    ...{ knowledge_base: 'handbook', title: 'Refunds', heading_path: ['Terms'] },
    ...{ is_current: true, cited_by_execution_id: run },
    content: expect.stringContaining('within 30 days'),
  };
  const { status, body } = await ask(`/api/executions/${run}/sources`);
  expect([status, body.sources]).toEqual([200, [expect.objectContaining(source)]]);
  const graphql = await askGraphql(
    api,
    `{ sources(executionId: "${run}") { nodes { title headingPath isCurrent chunkNumber } } }`,
    {},
    token,
  );
  expect(graphql.data).toEqual({
    sources: {
      nodes: [
        {
          ...{ title: 'Refunds', headingPath: ['Terms'], isCurrent: true },
          chunkNumber: String(number),
        },
      ],
    },
  });
  const shown = `[^${number}] Refunds › Terms`;
  expect((await runCli(database.url, 'kb', 'sources', run)).stdout).toContain(shown);
  const overApi = await runCli(UNREACHABLE, 'kb', 'sources', run, '--api', api.url);
  expect(overApi.stdout).toContain(shown);
});

test('the runs of other tenants have no sources', async () => {
  const { status } = await ask(`/api/executions/${run}/sources`, { token: stranger });
  expect(status).toBe(404);
});

test('a changed document makes the answer stale, and a replay shows the other ranks', async () => {
  expect((await ask(`/api/knowledge-bases/${base}/stale-answers`)).body.data).toEqual([]);
  const same = (await ask(`/api/knowledge-bases/${base}/replay`)).body;
  expect(same).toMatchObject({
    ...{ queries: 1, overlap: 1 },
    searches: [{ query: 'refund days', times: 1, recorded: 2, found: 2, kept: 2, changes: [] }],
  });
  await pool().query(
    `update howdah.documents set content = replace(content, '30 days', '60 days')`,
  );
  await untilDivided();
  const { body } = await ask(`/api/knowledge-bases/${base}/stale-answers?limit=1`);
  expect(body.data).toEqual([
    expect.objectContaining({ execution_id: run, chunk_number: number, reason: 'changed' }),
  ]);
  expect((await ask(`/api/executions/${run}/sources`)).body.sources).toMatchObject([
    { is_current: false, chunk_seq: null, content: expect.stringContaining('30 days') },
  ]);
  const replay = (await ask(`/api/knowledge-bases/${base}/replay?mode=text&at_most=5`)).body;
  expect(replay).toMatchObject({ queries: 1, overlap: 0.5 });
  expect(replay.searches[0].changes).toEqual(
    expect.arrayContaining([
      expect.objectContaining({ title: 'Refunds', before: 1, after: null }),
      expect.objectContaining({ title: 'Refunds', before: null, after: 1 }),
    ]),
  );
  const stale = await runCli(UNREACHABLE, 'kb', 'stale', 'handbook', '--api', api.url);
  expect(stale.stdout).toContain('changed');
  const replay7d = ['kb', 'replay', 'handbook', '--since', '7d', '--mode', 'text'];
  const replayed = await runCli(database.url, ...replay7d);
  expect(replayed.stdout).toContain('1 queries, mean overlap 0.5');
  const health = await all(
    pool(),
    `select searches::int, searches_without_results::int, stale_answers::int, pending::int
     from howdah.knowledge_health`,
  );
  expect(health).toEqual([
    { searches: 1, searches_without_results: 0, stale_answers: 1, pending: 0 },
  ]);
});

test.each([
  ['mode=vector', 'mode'],
  ['at_most=0', 'at_most'],
  ['since=yesterday', 'since'],
])('a replay with %s is refused', async (query, field) => {
  const { status, body } = await ask(`/api/knowledge-bases/${base}/replay?${query}`);
  expect(status).toBe(400);
  expect(JSON.stringify(body)).toContain(field);
});

test('a fork keeps the searches of the steps that it copies', async () => {
  const { id } = await one(
    pool(),
    `select (howdah.fork_execution($1, s.step_seq)).id from howdah.searches as s
     where s.execution_id = $1`,
    [run],
  );
  const counts = await all(
    pool(),
    'select count(*)::int as results from howdah.search_results where execution_id = $1',
    [id],
  );
  expect(counts).toEqual([{ results: 2 }]);
});
