import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { CustomTool } from '../../../src/contracts/agents/tool.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  addTool,
  callTools,
  childrenOf,
  executionOf,
  findViolations,
  insertRun,
  kindsOf,
  makeAgent,
  makeAgentTool,
  resultsOf,
  runToEnd,
  waitForEnd,
} from '../arrange.ts';

const database = testDatabase();
let workers: Worker[];
const servers: FakeServer[] = [];

const note: CustomTool = {
  name: 'note',
  description: '',
  parameters: { type: 'object' },
  run: () => 'noted',
};

beforeAll(async () => {
  workers = await Promise.all(
    [1, 2].map(() => startTestWorker(database.url, { tools: [note], concurrency: 60 })),
  );
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await Promise.all(workers.map((worker) => worker.stop(0)));
});

const usage = { tokens_in: 10, tokens_out: 5 };
const asking = (...names: string[]) => ({
  ...callTools(...names.map((name) => ({ name, arguments: { message: 'Look.' } }))),
  usage,
});

/** Makes an agent that calls each of the tools once, in parallel, and then answers. */
async function makeAsker(tools: string[], limits: Record<string, number> = {}): Promise<string> {
  const script = [asking(...tools), { content: 'done', usage }];
  const models = [{ script, input_price: 1, output_price: 1 }];
  return makeAgent(database.pool, { models, tools: [...new Set(tools)], ...limits });
}

/** Makes an agent whose model never answers. */
async function makeHangingAgent() {
  const gate = createGate();
  const server = await startOpenAiServer(async ({ left }) => {
    await gate.pass(left);
    return { content: 'late' };
  });
  servers.push(server);
  const models = [{ provider: 'openai', base_url: server.url }];
  return { agent: await makeAgent(database.pool, { models }), server, gate };
}

test('fifty trees on two workers: usage adds up over three levels without interference', async () => {
  const { pool } = database;
  const leaf = await makeAgentTool(pool, await makeAsker(['note', 'note']));
  const middle = await makeAgentTool(pool, await makeAsker([leaf, 'note', leaf]));
  const root = await makeAsker([middle, 'note', leaf, middle, 'note']);
  const ids = await Promise.all(Array.from({ length: 50 }, () => insertRun(pool, root)));
  await eventually(
    pool,
    'all trees have ended',
    'select where not exists (select from howdah.executions where id = any ($1) and completed_at is null)',
    [ids],
    90_000,
  );
  const runs = await Promise.all(ids.map((id) => executionOf(pool, id)));
  // below a root: 2 middle runs with 2 leaves each, and one leaf; each answers twice
  for (const run of runs) {
    expect(run).toMatchObject({
      status: 'completed',
      tokens_in: '20',
      children_tokens_in: '140',
      children_tokens_out: '70',
      live_children: 0,
    });
    expect(Number(run.children_cost)).toBe(0.00021);
  }
  const { rows } = await pool.query(
    `select count(*)::int as runs, count(distinct s.worker)::int as workers
     from howdah.executions as e join howdah.steps as s on s.execution_id = e.id
     where e.root_execution_id = any ($1) and s.seq = 1`,
    [ids],
  );
  expect(rows).toEqual([{ runs: 400, workers: 2 }]);
});

test.each([
  ['max_tokens', { max_tokens: 40 }],
  ['max_cost', { max_cost: 0.00004 }],
])('the parent’s %s stops the child, then the parent', async (stop_reason, limits) => {
  const { pool } = database;
  const script = Array.from({ length: 9 }, (_, n) => ({
    ...callTools({ name: 'note', arguments: { n } }),
    usage,
  }));
  const models = [{ script, input_price: 1, output_price: 1 }];
  const busy = await makeAgentTool(pool, await makeAgent(pool, { models, tools: ['note'] }));
  const run = await runToEnd(pool, await makeAsker([busy], limits));
  expect(run).toMatchObject({ status: 'failed', stop_reason, model_count: 1 });
  const [child] = await childrenOf(pool, run.id);
  expect(child).toMatchObject({ status: 'failed', stop_reason, model_count: 2 });
});

test('an agent that calls itself gets an error at the depth limit', async () => {
  const { pool } = database;
  const self = await makeAsker([]);
  const name = await makeAgentTool(pool, self);
  await addTool(pool, self, name);
  await pool.query(
    `update howdah.agent_models set request_params = jsonb_build_object('script', $2::jsonb) where agent_id = $1`,
    [self, JSON.stringify([asking(name), { content: 'done', usage }])],
  );
  const run = await runToEnd(pool, self);
  expect(run.status).toBe('completed');
  const { rows } = await pool.query(
    `select id from howdah.executions where root_execution_id = $1 order by depth desc`,
    [run.id],
  );
  expect(rows).toHaveLength(9);
  expect((await resultsOf(pool, rows[0].id))[0]).toContain(
    'maximum depth of child runs (8) reached',
  );
});

test('a child that fails, or whose agent is deleted, is an error that the model sees', async () => {
  const { pool } = database;
  const failing = await makeAgent(pool, {
    script: [{ error: { status: 400, message: 'no way' } }],
  });
  const [idle, deleted] = [await makeAsker(['note']), await makeAsker(['note'])];
  const tools = await Promise.all([failing, idle, deleted].map((id) => makeAgentTool(pool, id)));
  const root = await makeAsker(tools);
  await pool.query('update howdah.agents set is_active = false where id = $1', [idle]);
  await pool.query('select howdah.delete_agent($1)', [deleted]);
  const run = await runToEnd(pool, root);
  expect(run.status).toBe('completed');
  const results = (await resultsOf(pool, run.id)).join('\n');
  expect(results).toContain('no way');
  expect(results).toContain('is not active');
  expect(results).toContain('is deleted');
});

test('cancelling the root during a child’s model call ends all runs', async () => {
  const { pool } = database;
  const { agent, server, gate } = await makeHangingAgent();
  const middle = await makeAgentTool(pool, await makeAsker([await makeAgentTool(pool, agent)]));
  const id = await insertRun(pool, await makeAsker([middle]));
  await expect.poll(() => gate.waiting).toBe(1);
  await expect.poll(async () => (await executionOf(pool, id)).status).toBe('waiting');
  await pool.query('select howdah.cancel_execution($1)', [id]);
  await server.requests[0]?.left;
  const { rows } = await pool.query(
    `select distinct status from howdah.executions where root_execution_id = $1`,
    [id],
  );
  expect(rows).toEqual([{ status: 'cancelled' }]);
  await expect.poll(() => workers.reduce((sum, { inFlight }) => sum + inFlight, 0)).toBe(0);
});

test('a failing parent cancels its live children', async () => {
  const { pool } = database;
  const { agent, server, gate } = await makeHangingAgent();
  const slow = await makeAgentTool(pool, agent);
  const question = { name: 'ask_user', arguments: { question: 'Which?' } };
  const script = [callTools({ name: slow, arguments: { message: 'Look.' } }, question)];
  const id = await insertRun(pool, await makeAgent(pool, { script, tools: [slow, 'ask_user'] }));
  await expect.poll(() => gate.waiting).toBe(1);
  await expect.poll(async () => (await executionOf(pool, id)).status).toBe('waiting');
  await pool.query(
    `update howdah.questions set expires_at = clock_timestamp() where execution_id = $1`,
    [id],
  );
  await expect
    .poll(async () => (await executionOf(pool, id)).status, { timeout: 60_000 })
    .toBe('failed');
  await server.requests[0]?.left;
  expect(await childrenOf(pool, id)).toMatchObject([{ status: 'cancelled' }]);
});

test('a child uses its agent as of the root’s start, however late the child begins', async () => {
  const { pool } = database;
  const { agent: slow, gate } = await makeHangingAgent();
  const helper = await makeAgent(pool, { script: [{ content: 'as it was', usage }] });
  const [first, second] = [await makeAgentTool(pool, slow), await makeAgentTool(pool, helper)];
  const script = [asking(first), asking(second), { content: 'done', usage }];
  const id = await insertRun(pool, await makeAgent(pool, { script, tools: [first, second] }));
  await expect.poll(() => gate.waiting).toBe(1);
  await pool.query(
    `update howdah.agent_models set request_params = '{"script": [{"content": "as it is now"}]}' where agent_id = $1`,
    [helper],
  );
  gate.allow(1);
  await waitForEnd(pool, id);
  expect((await resultsOf(pool, id)).at(-1)).toContain('as it was');
  expect(await kindsOf(pool, id)).toBe(
    'model child_started child tool model child_started child tool model output',
  );
  expect((await runToEnd(pool, helper)).output).toBe('as it is now');
});

test('a fork after the end of a child does not start the child again', async () => {
  const { pool } = database;
  const leaf = await makeAgentTool(
    pool,
    await makeAgent(pool, { script: [{ content: 'found it' }] }),
  );
  const run = await runToEnd(pool, await makeAsker([leaf]));
  const { rows } = await pool.query(
    `select howdah.fork_execution(s.execution_id, s.seq) as copy from howdah.steps as s
     where s.execution_id = $1 and s.kind = 'child'`,
    [run.id],
  );
  const { rows: copies } = await pool.query(
    'select id from howdah.executions where forked_from_execution_id = $1',
    [run.id],
  );
  expect(rows).toHaveLength(1);
  const copy = await waitForEnd(pool, copies[0].id);
  expect(copy).toMatchObject({ status: 'completed', output: 'done' });
  expect(await kindsOf(pool, copy.id)).toBe('model child_started child fork tool model output');
  expect(await childrenOf(pool, copy.id)).toEqual([]);
});
