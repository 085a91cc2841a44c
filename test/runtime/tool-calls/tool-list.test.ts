import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import { closestNames } from '../../../src/text/closest-names.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { runCli } from '../../cli/run-cli.ts';
import { asRole } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { callTools, makeAgent, makeAgentTool, resultsOf, runToEnd, stepsOf } from '../arrange.ts';

const database = testDatabase();
let server: FakeServer;
let worker: Worker;

const long: CustomTool = {
  name: 'long',
  description: 'Says a lot.',
  parameters: { type: 'object' },
  run: () => 'x'.repeat(100_000),
};

beforeAll(async () => {
  server = await startOpenAiServer([{ content: 'done' }]);
  worker = await startTestWorker(database.url, { tools: [long] });
});
afterAll(async () => {
  await worker.stop(1_000);
  await server.close();
});

test('the CLI and SQL list the tools sent to the models of an agent, sub-agents included', async () => {
  const { pool, url } = database;
  const helper = await makeAgentTool(pool, await makeAgent(pool, {}));
  const agent = await makeAgent(pool, {
    models: [{ provider: 'openai', base_url: server.url }],
    tools: ['calculator', 'todo', helper],
  });
  await runToEnd(pool, agent);
  const sent = server.requests[0]?.body.tools;
  const { rows } = await pool.query(
    'select a.name, howdah.agent_tool_list(a.name) as tools from howdah.agents as a where id = $1',
    [agent],
  );
  const { name, tools } = rows[0];
  expect(tools.map((tool: { function: { name: string } }) => tool.function.name)).toEqual([
    helper,
    'calculator',
    'todo',
  ]);
  const sentPart = (list: Record<string, unknown>[]) =>
    list.map(({ type, function: definition }) => ({ type, function: definition }));
  expect(sentPart(tools)).toEqual(sent);
  expect(tools).toMatchObject([
    { capabilities: [], domain: null, actions: [] },
    { capabilities: ['calculation', 'math'], domain: null },
    { capabilities: ['planning', 'todos'] },
  ]);
  const { tenant_id } = (await pool.query('select tenant_id from howdah.agents limit 1')).rows[0];
  await asRole(pool, 'howdah_app', { 'howdah.tenant_id': tenant_id }, async (client) => {
    const { rows: seen } = await client.query('select howdah.agent_tool_list($1) as tools', [name]);
    expect(seen).toEqual([{ tools }]);
  });
  const shown = await runCli(url, 'tools', name, '--json');
  expect(JSON.parse(shown.stdout)).toEqual({ items: tools });
  expect((await runCli(url, 'tools', name)).stdout).toMatch(/^calculator +Evaluates/m);
});

test('lists all tools without an agent, and reports an unknown agent', async () => {
  const all = JSON.parse((await runCli(database.url, 'tools', '--json')).stdout);
  expect(all.items).toContainEqual(
    expect.objectContaining({
      kind: 'builtin',
      effect: 'pure',
      type: 'function',
      function: expect.objectContaining({ name: 'now', parameters: expect.any(Object) }),
    }),
  );
  expect((await runCli(database.url, 'tools')).stdout).toMatch(/^\S+ +now +builtin +pure/m);
  expect(await runCli(database.url, 'tools', 'nobody')).toMatchObject({
    status: 3,
    stderr: expect.stringContaining("there is no agent named 'nobody'"),
  });
});

test('limits the bytes of a result as configured for the tool or the agent', async () => {
  const { pool } = database;
  const script = [callTools({ name: 'long' }), { content: 'done' }];
  const agent = await makeAgent(pool, { script, tools: ['long'] });
  const result = async () => {
    const { id } = await runToEnd(pool, agent);
    const step = (await stepsOf(pool, id)).find(({ kind }) => kind === 'tool');
    const [text = ''] = await resultsOf(pool, id);
    expect(step?.output).toBe(text);
    return text.length;
  };
  expect(await result()).toBeLessThanOrEqual(65_536);
  await pool.query(
    `update howdah.tools set configuration = '{"max_result_bytes": 200000}' where name = 'long'`,
  );
  expect(await result()).toBe(100_000);
  await pool.query(
    `update howdah.agent_tools set configuration = '{"max_result_bytes": 1000}' where agent_id = $1`,
    [agent],
  );
  expect(await result()).toBeLessThanOrEqual(1000);
  for (const table of ['tools', 'agent_tools']) {
    for (const wrong of [999, 1_048_577, '"many"', 1.5]) {
      await expect(
        pool.query(`update howdah.${table} set configuration = '{"max_result_bytes": ${wrong}}'`),
      ).rejects.toMatchObject({
        code: 'HWINV',
        message: expect.stringContaining('max_result_bytes'),
      });
    }
  }
});

test.each([
  ['serch_orders', ['search_orders']],
  ['search', ['search_orders', 'kb__search']],
  ['SEARCH_ORDERS', ['search_orders']],
  ['functions.todo', ['todo']],
  ['x', []],
  ['giraffe', []],
  ['', []],
])('the closest names to %s are %j', (word, meant) => {
  const names = ['todo', 'search_orders', 'kb__search', 'http_request', 'todo'];
  expect(closestNames(word, names)).toEqual(meant);
});
