import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Message } from '../../../src/contracts/runs/message.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { refusal } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { createGate } from '../../support/gate.ts';
import { startTestWorker } from '../../support/worker.ts';
import { childrenOf, makeAgent, waitForEnd } from '../arrange.ts';
import { makeTeam, startTeam, type TeamSpec } from '../teams.ts';

// Sessions, schedules and hooks support workflows as they support agents.

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
const gate = createGate();

beforeAll(async () => {
  server = await startOpenAiServer(async ({ body, left }) => {
    const messages = body.messages as unknown as Message[];
    const said = messages.filter(({ role }) => role !== 'system').map(({ content }) => content);
    if (said.includes('slowly') && said.length === 1) await gate.pass(left);
    return { content: `[${said.join(' / ')}]` };
  });
  worker = await startTestWorker(database.url, { openai: server.url });
});
afterAll(async () => {
  gate.allow(Number.POSITIVE_INFINITY);
  await worker.stop(1_000);
  await server.close();
});

const makeTalker = () => makeAgent(database.pool, { models: [{ provider: 'openai' }] });
const team = async (columns: Partial<TeamSpec> = {}) =>
  makeTeam(database.pool, {
    type: 'chain',
    members: [{ agent: await makeTalker(), role: 'a' }],
    ...columns,
  });
const ask = async (text: string, values: unknown[] = []) =>
  (await database.pool.query(text, values)).rows;
const nameOf = async (table: string, id: string) =>
  (await ask(`select name from howdah.${table} where id = $1`, [id]))[0].name;

async function sessionWith(workflow: string, policy = 'queue'): Promise<string> {
  const [row] = await ask('select (howdah.start_session(workflow => $1, policy => $2)).id as id', [
    await nameOf('workflows', workflow),
    policy,
  ]);
  return row.id;
}
async function sendMessage(session: string, content: string): Promise<string> {
  await ask('select howdah.send_message($1, $2)', [session, content]);
  const [row] = await ask(
    'select id from howdah.executions where session_id = $1 and parent_execution_id is null order by turn desc limit 1',
    [session],
  );
  return row.id;
}

test('a session runs its workflow; an agent that takes over sees messages but no decisions', async () => {
  const { pool } = database;
  const session = await sessionWith(await team());
  const first = await waitForEnd(pool, await sendMessage(session, 'one'));
  expect(first).toMatchObject({ status: 'completed', turn: 1, output: '[one]' });
  const agent = await makeTalker();
  await ask('select howdah.switch_agent($1, $2)', [session, await nameOf('agents', agent)]);
  const second = await waitForEnd(pool, await sendMessage(session, 'two'));
  expect(second).toMatchObject({
    agent_id: agent,
    workflow_id: null,
    output: '[one / [one] / two]',
  });
  const other = await team();
  await ask('select howdah.switch_agent($1, workflow => $2)', [
    session,
    await nameOf('workflows', other),
  ]);
  const third = await waitForEnd(pool, await sendMessage(session, 'three'));
  expect(third).toMatchObject({ agent_id: null, workflow_id: other, output: '[three]' });
  const said = await ask(
    `select m.role, m.content from howdah.messages as m join howdah.executions as e on e.id = m.execution_id
     where e.session_id = $1 and e.workflow_id is not null order by e.turn, m.seq`,
    [session],
  );
  expect(said.map(({ role, content }) => `${role} ${content}`)).toEqual([
    'user one',
    'assistant [one]',
    'user three',
    'assistant [three]',
  ]);
});

test('a session has one agent or workflow, which exists and accepts runs', async () => {
  const workflow = await team();
  const name = await nameOf('workflows', workflow);
  const start = (how: string, values: unknown[] = [name]) =>
    refusal(ask(`select howdah.start_session(${how})`, values));
  expect(await start(`agent => 'development', workflow => $1`)).toMatchObject({
    code: 'HWINV',
    message: 'set agent or workflow, not both',
  });
  expect(await start(`workflow => 'nobody'`, [])).toMatchObject({ code: 'HWNTF' });
  await ask('update howdah.workflows set is_active = false where id = $1', [workflow]);
  expect(await start('workflow => $1')).toMatchObject({
    code: 'HWCNF',
    message: `workflow '${name}' is not active`,
  });
  const [{ agent }] = await ask(
    'select a.name as agent from howdah.start_session() as s join howdah.agents as a on a.id = s.agent_id',
  );
  expect(agent).toBe('development');
});

test('a message to a workflow reaches the agents that are running in it', async () => {
  const { pool } = database;
  const inner = await team();
  const outer = await team({
    type: 'parallel',
    members: [
      { workflow: inner, role: 'deep' },
      { agent: await makeTalker(), role: 'flat' },
    ],
  });
  const session = await sessionWith(outer, 'steer');
  const run = await sendMessage(session, 'slowly');
  await expect.poll(() => gate.waiting).toBe(2);
  await sendMessage(session, 'and quickly');
  await ask('select howdah.add_input($1, $2)', [run, 'please']);
  gate.allow(2);
  const { output } = await waitForEnd(pool, run);
  expect(output).toContain('[slowly / [slowly] / and quickly / please]');
  expect(output?.match(/please/g)).toHaveLength(2);
  const turns = await ask('select turns from howdah.sessions where id = $1', [session]);
  expect(turns).toEqual([{ turns: 1 }]);
});

test('without a running agent, rejects an input; a message answers the open question', async () => {
  const { pool } = database;
  const teamAgent = await team({ members: [{ question: { prompt: 'Well?' }, role: 'person' }] });
  const run = await startTeam(pool, teamAgent, 'go');
  await eventually(pool, 'it asks', `select from howdah.questions where execution_id = $1`, [run]);
  expect(await refusal(ask('select howdah.add_input($1, $2)', [run, 'x']))).toMatchObject({
    code: 'HWCNF',
    message: `workflow run ${run} has no active agent that could receive input`,
  });
  const session = await sessionWith(teamAgent, 'steer');
  const first = await sendMessage(session, 'go');
  await eventually(pool, 'it asks', `select from howdah.questions where execution_id = $1`, [
    first,
  ]);
  await sendMessage(session, 'the answer'); // answers the oldest open question
  expect(await waitForEnd(pool, first)).toMatchObject({ output: 'the answer' });
  await ask('select howdah.cancel_execution($1)', [run]);
});

test('a schedule runs a workflow', async () => {
  const { pool } = database;
  const workflow = await team();
  const insert = (columns: string, values: unknown[]) =>
    ask(
      `insert into howdah.schedules (name, cron, input, ${columns})
       values (gen_random_uuid()::text, '@yearly', 'now', ${values.map((_, at) => `$${at + 1}`)}) returning id`,
      values,
    );
  const [{ id }] = await insert('workflow_id', [workflow]);
  const [{ run }] = await ask('select (howdah.run_schedule($1)).id as run', [id]);
  expect(await waitForEnd(pool, run)).toMatchObject({ workflow_id: workflow, output: '[now]' });
  await ask('update howdah.schedules set next_at = now() where id = $1', [id]);
  await eventually(
    pool,
    'it fired',
    `select from howdah.executions where workflow_id = $1 and idempotency_key like 'schedule:%' and status = 'completed'`,
    [workflow],
  );
  expect(
    await refusal(insert('workflow_id, agent_id', [workflow, await makeTalker()])),
  ).toMatchObject({
    code: 'HWINV',
    message: 'agent_id and workflow_id are both set',
  });
  expect(await refusal(insert('workflow_id', [await makeTalker()]))).toMatchObject({
    code: 'HWNTF',
    message: expect.stringMatching(/^there is no workflow /),
  });
});

test('a hook of a workflow is called for its runs, not for those of its members', async () => {
  const { pool } = database;
  await ask(`create schema team;
    create table team.heard (execution_id uuid, event text, workflow text);
    create function team.hear(event jsonb) returns void language sql security definer as $$
      insert into team.heard values ((event ->> 'execution_id')::uuid, event ->> 'event', event ->> 'workflow') $$`);
  const [workflow, other] = [await team(), await team()];
  await ask(
    `insert into howdah.hooks (event, function, workflow_id)
     select e, 'team.hear', $1 from unnest('{before_run,execution_complete}'::howdah.hook_event[]) as e`,
    [workflow],
  );
  const run = await waitForEnd(pool, await startTeam(pool, workflow));
  await waitForEnd(pool, await startTeam(pool, other));
  expect(await childrenOf(pool, run.id)).toHaveLength(1);
  const name = await nameOf('workflows', workflow);
  const heard = await ask('select * from team.heard order by event');
  expect(heard).toEqual([
    { execution_id: run.id, event: 'before_run', workflow: name },
    { execution_id: run.id, event: 'execution_complete', workflow: name },
  ]);
  expect(
    await refusal(
      ask(
        `insert into howdah.hooks (event, function, workflow_id, agent_id) values ('before_run', 'team.hear', $1, $2)`,
        [workflow, await makeTalker()],
      ),
    ),
  ).toMatchObject({
    message: expect.stringContaining('a hook must be for an agent or a workflow or for all'),
  });
});
