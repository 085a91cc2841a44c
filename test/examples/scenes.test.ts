import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { Message } from '../../src/contracts/runs/message.ts';
import { inTenant } from '../../src/db/connection/pool.ts';
import { applySystems } from '../../src/systems/apply.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { callTools, waitForEnd } from '../runtime/arrange.ts';
import { one } from '../sql/support.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';

// Executes the examples as a user does, from the first statement to the answer.

const textOf = (name: string) =>
  readFileSync(new URL(`../../examples/${name}`, import.meta.url), 'utf8');

const database = testDatabase();
let worker: Worker;
let server: FakeServer;

beforeAll(async () => {
  server = await startOpenAiServer(({ body }) => {
    const messages = body.messages as unknown as Message[];
    return { content: messages.map(({ content }) => content).join(' / ') };
  });
  worker = await startTestWorker(database.url, { openai: server.url });
});
afterAll(async () => {
  await worker.stop(1_000);
  await server.close();
});

const ask = async (text: string, values: unknown[] = []) =>
  (await database.pool.query(text, values)).rows;

test('"Umsatz Q1": the manager routes, the analyst queries the database, the decision is stored', async () => {
  const { pool } = database;
  await pool.query(textOf('revenue.sql'));
  const manager = await one(
    pool,
    `select e.id from howdah.executions as e join howdah.workflows as w on w.id = e.workflow_id where w.name = 'manager'`,
  );
  expect(await waitForEnd(pool, manager.id)).toMatchObject({
    status: 'completed',
    output: expect.stringContaining('2000'),
  });
  const [decision] = await ask(
    'select chosen, reason from howdah.routing_decisions where execution_id = $1',
    [manager.id],
  );
  expect(decision).toMatchObject({
    chosen: [{ member: 'analyst' }],
    reason: expect.stringMatching(/\S/),
  });
  const calls = await ask(
    `select s.name, s.output from howdah.steps as s join howdah.executions as e on e.id = s.execution_id
     where e.parent_execution_id = $1 and s.kind = 'tool'`,
    [manager.id],
  );
  expect(calls).toEqual([
    { name: 'revenue', output: [{ year: 2026, quarter: 'Q1', revenue: 2000, invoices: 3 }] },
  ]);
});

test('a conversation continues with another agent, which sees the history', async () => {
  const { pool } = database;
  await ask(`update howdah.models set provider = 'openai', model = 'fake' where name = 'default'`);
  await pool.query(textOf('conversation.sql'));
  const turns = await ask(
    `select e.id, a.name from howdah.executions as e join howdah.agents as a on a.id = e.agent_id
     join howdah.sessions as s on s.id = e.session_id where s.title = 'room 12' order by e.turn`,
  );
  expect(turns.map(({ name }) => name)).toEqual(['concierge', 'night porter']);
  const [first, second] = await Promise.all(turns.map(({ id }) => waitForEnd(pool, id)));
  expect(first?.output).toMatch(/^You welcome .* \/ Good evening/);
  expect(second?.output).toMatch(
    /^You look after .* \/ Good evening\. When is breakfast\? \/ You welcome .* \/ And when does it end\?$/s,
  );
});

test('a system from a file: a message, the todo list, a question of a sub-agent, its answer', async () => {
  const { pool } = database;
  const { id: tenant } = await one(pool, 'select howdah.current_tenant() as id');
  await inTenant(pool, tenant, (client) =>
    applySystems(client, [{ name: 'helpdesk.yaml', text: textOf('helpdesk.yaml') }]),
  );
  const script = (agent: string, answers: unknown[]) =>
    ask(
      `with model as (
         insert into howdah.models (name, provider, model) values ($1 || ' by script', 'scripted', 'm') returning id
       )
       insert into howdah.agent_models (agent_id, model_id, position, request_params)
       select howdah.agent($1), id, 1, jsonb_build_object('script', $2::jsonb) from model`,
      [agent, JSON.stringify(answers)],
    );
  await ask(
    `delete from howdah.agent_models where agent_id in (howdah.agent('desk'), howdah.agent('shipping'))`,
  );
  await script('desk', [
    callTools({ name: 'todo', arguments: { action: 'add', title: 'Find the parcel' } }),
    callTools({ name: 'agent__shipping', arguments: { message: 'Where is the parcel?' } }),
    callTools({ name: 'todo', arguments: { action: 'update', position: 1, status: 'done' } }),
    { content: 'It comes tomorrow.' },
  ]);
  await ask(`update howdah.agents set human_input = true where id = howdah.agent('shipping')`);
  await script('shipping', [
    callTools({ name: 'ask_user', arguments: { question: 'Which parcel?' } }),
    { content: 'The blue one comes tomorrow.' },
  ]);
  const session = await one(pool, `select id from howdah.start_session('desk')`);
  const { run } = await one(
    pool,
    'select live_execution_id as run from howdah.send_message($1, $2)',
    [session.id, 'Where is my parcel?'],
  );
  await eventually(
    pool,
    'the question',
    `select from howdah.questions where root_execution_id = $1 and status = 'open'`,
    [run],
  );
  const { state } = await one(pool, 'select howdah.session_state($1) as state', [session.id]);
  expect(state).toMatchObject({
    tasks: [{ title: 'Find the parcel', status: 'open' }],
    awaiting_user_input: { prompt: 'Which parcel?', kind: 'question' },
    blocker: null,
  });
  await ask('select howdah.answer_question($1, $2)', [
    state.awaiting_user_input.question_id,
    'The blue one.',
  ]);
  expect(await waitForEnd(pool, run)).toMatchObject({ output: 'It comes tomorrow.' });
  const { list } = await one(pool, 'select howdah.todolist_markdown($1) as list', [session.id]);
  expect(list).toContain('[x] Find the parcel');
});
