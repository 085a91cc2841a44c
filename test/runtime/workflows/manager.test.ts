import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { childrenOf, findViolations, kindsOf, waitForEnd } from '../arrange.ts';

const database = testDatabase();
let worker: Worker;
let server: FakeServer;
/** Member that the model chooses, and the members that it was offered. */
let choice = { member: 'analyst', confidence: 0.9, reason: 'it is about revenue' };
let offered: string[] = [];
let about = '';

beforeAll(async () => {
  worker = await startTestWorker(database.url);
  server = await startOpenAiServer(({ body }) => {
    const messages = body.messages as { role: string; content: string }[];
    const [tool] = (body.tools ?? []) as {
      function: { parameters: { properties: { members: { items: Items } } } };
    }[];
    if (!tool) return { content: String(messages[0]?.content) };
    offered = tool.function.parameters.properties.members.items.properties.member.enum;
    about = String(messages[0]?.content);
    return { tool_calls: [{ name: 'route', arguments: { members: [choice] } }] };
  });
  await database.pool.query(
    `insert into howdah.agents (name, description, instruction, capabilities, domain) values
       ('analyst', 'Answers questions about figures.', 'I am analyst.', '{text-to-sql}', 'finance'),
       ('librarian', 'Searches the handbook and other documents.', 'I am librarian.', '{rag}', null),
       ('coder', 'Writes programs.', 'I am coder.', '{code}', null),
       ('idle', 'Counts revenue.', 'I am idle.', '{text-to-sql}', null)`,
  );
  await database.pool.query(`update howdah.agents set is_active = false where name = 'idle'`);
});
beforeEach(() => useModel('openai', server.url));
afterEach(async () => {
  expect(await findViolations(database.pool)).toEqual([]);
});
afterAll(async () => {
  await worker.stop(0);
  await server.close();
});

async function useModel(provider: string, url: string | null = null): Promise<void> {
  await database.pool.query(
    `update howdah.models set provider = $1, base_url = $2, model = 'm' where name = 'default'`,
    [provider, url],
  );
}

const run = async (task: string) => {
  const { rows } = await database.pool.query(`select (howdah.run('manager', $1)).id`, [task]);
  return waitForEnd(database.pool, rows[0].id);
};

const decision = async (id: string) =>
  (
    await database.pool.query('select * from howdah.routing_decisions where execution_id = $1', [
      id,
    ])
  ).rows[0];

const chooseForTask = async (task: string) =>
  (await decision((await run(task)).id)).chosen[0].member;

type Items = { properties: { member: { enum: string[] } } };

test('every tenant has a manager; a deleted manager is not created again', async () => {
  const { pool } = database;
  await pool.query(`insert into howdah.tenants (slug, name) values ('other', 'Other')`);
  const managers = () =>
    pool.query(
      `select t.slug, w.deleted_at is not null as gone from howdah.workflows as w
       join howdah.tenants as t on t.id = w.tenant_id where w.name = 'manager' order by 1`,
    );
  expect((await managers()).rows).toEqual([
    { slug: 'default', gone: false },
    { slug: 'other', gone: false },
  ]);
  await pool.query(
    `update howdah.workflows set deleted_at = now() where name = 'manager'
       and tenant_id = (select id from howdah.tenants where slug = 'other')`,
  );
  await pool.query('select howdah_private.seed_manager(id) from howdah.tenants');
  expect((await managers()).rows).toEqual([
    { slug: 'default', gone: false },
    { slug: 'other', gone: true },
  ]);
});

test('the model chooses among all active agents; the decision is stored apart from its outcome', async () => {
  const { pool } = database;
  choice = { member: 'analyst', confidence: 0.9, reason: 'it is about revenue' };
  const managed = await run('Umsatz Q1');
  expect(managed).toMatchObject({ status: 'completed', output: 'I am analyst.' });
  expect(offered).toEqual(['analyst', 'coder', 'development', 'librarian']);
  expect(about).toContain('- analyst (text-to-sql, finance): Answers questions about figures.');
  expect(await kindsOf(pool, managed.id)).toBe('tool model tool child_started child output');
  expect(await decision(managed.id)).toMatchObject({
    method: 'llm',
    chosen: [choice],
    reason: 'it is about revenue',
    candidates: [
      { member: 'analyst' },
      { member: 'coder' },
      { member: 'development' },
      { member: 'librarian' },
    ],
  });
  const [child] = await childrenOf(pool, managed.id);
  expect(child).toMatchObject({ input: 'Umsatz Q1', status: 'completed' });
});

describe('without an API key', () => {
  beforeEach(() => useModel('local'));

  test.each([
    ['Umsatz Q1', 'analyst'],
    ['What was our revenue in March?', 'analyst'],
    ['Was steht im Handbuch über Urlaub?', 'librarian'],
    ['Schreib ein Programm, das sortiert', 'coder'],
    ['Guten Morgen', 'development'],
  ])('routes %s to %s', async (task, member) => {
    expect(await chooseForTask(task)).toBe(member);
  });

  test('stores the scores of all members', async () => {
    const { method, candidates, chosen, reason, chosen_agent_id } = await decision(
      (await run('Umsatz Q1')).id,
    );
    const { rows } = await database.pool.query(`select howdah.agent('analyst') as id`);
    expect(chosen_agent_id).toBe(rows[0].id);
    expect({ method, reason }).toEqual({
      method: 'lexical',
      reason: 'the task has most words in common with what is said of them',
    });
    expect(candidates[0]).toEqual({ member: 'analyst', score: chosen[0].confidence });
    expect(candidates).toHaveLength(4);
  });
});

test('never chooses an agent with grants, because others can read the decision', async () => {
  const { pool } = database;
  await useModel('local');
  const { rows } = await pool.query(
    `insert into howdah.users (username, role) values ('mia', 'member'), ('ada', 'admin') returning id`,
  );
  await pool.query(
    `insert into howdah.agents (name, description) values ('payroll', 'Knows wages: payroll, salary.')`,
  );
  await pool.query(
    `insert into howdah.grants (agent_id, role, permission) values (howdah.agent('payroll'), 'admin', 'run')`,
  );
  const chooseAsUser = async (user: string | null) => {
    const { rows: runs } = await pool.query(
      `insert into howdah.executions (workflow_id, input, user_id)
       values (howdah.workflow('manager'), 'salary of payroll', $1) returning id`,
      [user],
    );
    await waitForEnd(pool, runs[0].id);
    return (await decision(runs[0].id)).chosen[0].member;
  };
  expect(await chooseAsUser(rows[0].id)).toBe('development');
  expect(await chooseAsUser(rows[1].id)).toBe('development');
  expect(await chooseAsUser(null)).toBe('development');
  await pool.query('delete from howdah.grants');
  expect(await chooseAsUser(rows[0].id)).toBe('payroll');
});

test('an agent with the name of a workflow takes precedence', async () => {
  const { pool } = database;
  const { rows } = await pool.query(
    `insert into howdah.workflows (name, type, configuration) values ('desk', 'router', '{"members": "capable"}') returning id`,
  );
  const startDesk = () => pool.query(`select (howdah.run('desk', 'x')).workflow_id`);
  expect((await startDesk()).rows).toEqual([{ workflow_id: rows[0].id }]);
  await pool.query(`insert into howdah.agents (name) values ('desk')`);
  expect((await startDesk()).rows).toEqual([{ workflow_id: null }]);
});
