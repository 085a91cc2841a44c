import { randomBytes } from 'node:crypto';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import { replayRun } from '../../../src/index.ts';
import type { JsonObject } from '../../../src/json/json.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import {
  callTools,
  childrenOf,
  findViolations,
  makeAgent,
  makeAgentTool,
  resultsOf,
  runToEnd,
  stepsOf,
  waitForEnd,
} from '../arrange.ts';
import { loadExport } from '../replay/replay-runs.ts';
import { makeTeam, startTeam } from '../teams.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
let memory: FakeServer;

// The model answers with its instruction and the names of its tools.
beforeAll(async () => {
  worker = await startTestWorker(database.url);
  memory = await startOpenAiServer(({ body }) => {
    const messages = body.messages as { role: string; content: string }[];
    const inputs = messages.filter(({ role }) => role === 'user').map(({ content }) => content);
    return { content: inputs.join(' ') };
  });
  server = await startOpenAiServer(({ body }) => {
    const messages = body.messages as { role: string; content: string }[];
    const tools = (body.tools ?? []) as { function: { name: string } }[];
    const mission = messages.find(({ role }) => role === 'system')?.content ?? '';
    return { content: `${mission} [${tools.map((tool) => tool.function.name).join(' ')}]` };
  });
});
afterEach(async () => {
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker.stop(0);
  await server.close();
  await memory.close();
});

const specialist = () =>
  makeAgent(database.pool, {
    instruction: 'Help.',
    models: [{ provider: 'openai', base_url: server.url }],
    tools: ['todo', 'http_request'],
  });

async function makeAsker(tool: string, configuration: JsonObject): Promise<string> {
  const { pool } = database;
  const agent = await makeAgent(pool, {
    script: [callTools({ name: tool, arguments: { message: 'Look.' } }), { content: 'done' }],
    tools: [tool],
  });
  await pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
    agent,
    configuration,
  ]);
  return agent;
}

test('a sub-agent uses its mission override, allowed tools and budget', async () => {
  const { pool } = database;
  const tool = await makeAgentTool(pool, await specialist());
  const plain = await runToEnd(pool, await makeAsker(tool, {}));
  expect(await resultsOf(pool, plain.id)).toEqual(['Help. [http_request todo]']);
  const parent = await runToEnd(
    pool,
    await makeAsker(tool, {
      mission_override: 'Count.',
      allowed_tools: ['todo'],
      suppress_markdown: true,
      budget: { max_steps: 3, max_tokens: 1_000 },
    }),
  );
  const [child] = await childrenOf(pool, parent.id);
  expect(await resultsOf(pool, parent.id)).toEqual([
    'Count.\n\nAnswer in plain text, without Markdown. [todo]',
  ]);
  expect(child).toMatchObject({ max_steps: 3, max_tokens: '1000' });
});

test('a workflow member uses its mission override and allowed tools', async () => {
  const { pool } = database;
  const agent = await specialist();
  const team = await makeTeam(pool, {
    type: 'chain',
    members: [{ agent, configuration: { mission_override: 'Sing.', allowed_tools: [] } }],
  });
  expect(await waitForEnd(pool, await startTeam(pool, team))).toMatchObject({ output: 'Sing. []' });
});

test('a member uses its tools on behalf of the user who started the workflow', async () => {
  const { pool } = database;
  const { rows } = await pool.query(
    `insert into howdah.users (username, role) values ('maria', 'member') returning id`,
  );
  const agent = await makeAgent(pool, {
    script: [
      callTools({ name: 'todo', arguments: { action: 'add', title: 'pack' } }),
      { content: 'done' },
    ],
    tools: ['todo'],
  });
  const team = await makeTeam(pool, { type: 'chain', members: [{ agent }] });
  const started = await pool.query(
    'insert into howdah.executions (workflow_id, input, user_id) values ($1, $2, $3) returning id',
    [team, 'go', rows[0].id],
  );
  const run = await waitForEnd(pool, started.rows[0].id);
  const [child] = await childrenOf(pool, run.id);
  expect(run).toMatchObject({ status: 'completed', output: 'done' });
  expect(await resultsOf(pool, child?.id as string)).toEqual([expect.stringContaining('pack')]);
  // the runs of the members are replayed too, from the document of the whole run
  expect(await replayRun(await loadExport(pool, run.id))).toEqual({
    equal: true,
    steps: (await stepsOf(pool, child?.id as string)).length,
    divergences: [],
  });
});

test('a workflow can be called as a tool', async () => {
  const { pool } = database;
  const agent = await specialist();
  const team = await makeTeam(pool, { type: 'chain', members: [{ agent }] });
  const name = `ask_${randomBytes(6).toString('hex')}`;
  await pool.query(
    `insert into howdah.tools (name, kind, workflow_id, parameters) values ($1, 'workflow', $2,
       '{"type": "object", "properties": {"message": {"type": "string"}}, "required": ["message"]}')`,
    [name, team],
  );
  const run = await runToEnd(pool, await makeAsker(name, {}));
  expect(run.status).toBe('completed');
  expect(await resultsOf(pool, run.id)).toEqual(['Help. [http_request todo]']);
});

test.each([
  [{ budget: { max_step: 1 } }, 'max_step'],
  [{ allowed_tools: 'todo' }, 'allowed_tools'],
  [{ mission_override: '' }, 'mission_override'],
])('rejects a configuration with %j', async (configuration, said) => {
  const tool = await makeAgentTool(database.pool, await specialist());
  await expect(makeAsker(tool, configuration)).rejects.toMatchObject({
    code: 'HWINV',
    message: expect.stringContaining(said),
  });
});

/** Makes an agent that answers with the number of user messages received and their texts. */
const makeRememberingAgent = (use_history = true) =>
  makeAgent(database.pool, {
    models: [{ provider: 'openai', base_url: memory.url }],
    use_history,
  });

async function askTwice(configuration: JsonObject, agent?: string): Promise<string> {
  const { pool } = database;
  const tool = await makeAgentTool(pool, agent ?? (await makeRememberingAgent()));
  const asking = (message: string) => callTools({ name: tool, arguments: { message } });
  const parent = await makeAgent(pool, {
    script: [
      asking('one'),
      asking('two'),
      { content: 'done' },
      asking('three'),
      { content: 'done' },
    ],
    tools: [tool],
  });
  await pool.query('update howdah.agent_tools set configuration = $2 where agent_id = $1', [
    parent,
    configuration,
  ]);
  return parent;
}

test('a sub-agent keeps no state between calls unless ephemeral is false', async () => {
  const { pool } = database;
  const plain = await runToEnd(pool, await askTwice({}));
  expect(await resultsOf(pool, plain.id)).toEqual(['one', 'two']);
  const said = await runToEnd(pool, await askTwice({ ephemeral: true }));
  expect(await resultsOf(pool, said.id)).toEqual(['one', 'two']);
  const persistent = await runToEnd(pool, await askTwice({ ephemeral: false }));
  expect(await resultsOf(pool, persistent.id)).toEqual(['one', 'one two']);
  expect((await replayRun(await loadExport(pool, persistent.id))).divergences).toEqual([]);
  const forgetful = await runToEnd(
    pool,
    await askTwice({ ephemeral: false }, await makeRememberingAgent(false)),
  );
  expect(await resultsOf(pool, forgetful.id)).toEqual(['one', 'two']);
});

test('a sub-agent that is not ephemeral keeps its conversation within a session only', async () => {
  const { pool } = database;
  const parent = await askTwice({ ephemeral: false });
  const { rows } = await pool.query(
    'insert into howdah.sessions (agent_id) values ($1) returning id',
    [parent],
  );
  const session_id = rows[0].id;
  await runToEnd(pool, parent, 'go', { session_id });
  const second = await runToEnd(pool, parent, 'go on', { session_id });
  expect(await resultsOf(pool, second.id)).toEqual(['one two three']);
  const other = await runToEnd(pool, parent, 'anew');
  expect(await resultsOf(pool, other.id)).toEqual(['one', 'one two']);
});

test('a member that is not ephemeral remembers its earlier round', async () => {
  const { pool } = database;
  const agent = await makeRememberingAgent();
  const team = (ephemeral: boolean) =>
    makeTeam(pool, {
      type: 'chain',
      members: [
        { agent, role: 'first', configuration: { ephemeral } },
        { agent, role: 'second', configuration: { ephemeral } },
      ],
    });
  expect(await waitForEnd(pool, await startTeam(pool, await team(true), 'a'))).toMatchObject({
    output: 'a',
  });
  expect(await waitForEnd(pool, await startTeam(pool, await team(false), 'a'))).toMatchObject({
    output: 'a a',
  });
});

test('children of one answer start in one commit, and each result is reported once', async () => {
  const { pool } = database;
  const tool = await makeAgentTool(pool, await makeAgent(pool, { script: [{ content: 'found' }] }));
  const calls = Array.from({ length: 40 }, (_, n) => ({
    name: tool,
    arguments: { message: `Look for ${n}.` },
  }));
  const agent = await makeAgent(pool, {
    script: [callTools(...calls), { content: 'done' }],
    tools: [tool],
  });
  const run = await runToEnd(pool, agent);
  expect(run).toMatchObject({ status: 'completed', output: 'done' });
  expect(await resultsOf(pool, run.id)).toEqual(calls.map(() => 'found'));
  const { rows } = await pool.query(
    `select count(*)::int as children, count(distinct s.xmin::text)::int as commits
     from howdah.steps as s where s.execution_id = $1 and s.kind = 'child_started'`,
    [run.id],
  );
  expect(rows).toEqual([{ children: 40, commits: 1 }]);
});
