import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  all,
  makeAgent,
  makeRun,
  makeSession,
  makeTenant,
  one,
  refusedInside,
  rolledBack,
  takeRole,
} from './support.ts';

// Agents and workflows that are for some only, and what teams, messages and names could tell others of them.

let db: TestDatabase;
let tenant_id: string;
let member: string;
let admin: string;
let desk: string;
let secret: string;

beforeAll(async () => {
  db = await createTestDatabase();
  tenant_id = await makeTenant(db.pool);
  const user = async (username: string, role: string) =>
    (
      await one(
        db.pool,
        'insert into howdah.users (tenant_id, username, role) values ($1, $2, $3) returning id',
        [tenant_id, username, role],
      )
    ).id;
  member = await user('mal', 'member');
  admin = await user('boss', 'admin');
  desk = await makeAgent(db.pool, { tenant_id, name: 'desk' });
  secret = await makeAgent(db.pool, {
    tenant_id,
    name: 'secret desk',
    instruction: 'MERGER-42',
    description: '',
  });
  await db.pool.query(
    `with flow as (insert into howdah.workflows (tenant_id, name, type) values ($1, 'secret flow', 'chain') returning id)
     insert into howdah.grants (tenant_id, agent_id, workflow_id, user_id, permission)
     select $1, null::uuid, id, $3::uuid, 'run'::howdah.grant_permission from flow union all select $1, $2, null, $3, 'run'`,
    [tenant_id, secret, admin],
  );
});
afterAll(() => db?.drop());

const as = <T>(user: string, work: (client: pg.PoolClient) => Promise<T>) =>
  rolledBack(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant_id, 'howdah.user_id': user });
    return work(client);
  });
const refusedTo = (user: string, text: string, values: unknown[] = []) =>
  as(user, (client) => refusedInside(client, text, values));

test('their names are told by no function', async () => {
  const session = await makeSession(db.pool, { tenant_id, agent_id: desk, user_id: member });
  for (const [text, message] of [
    ['select howdah.switch_agent($1, $2)', "there is no agent named 'secret desk'"],
    ['select howdah.switch_agent($1, null, $2)', "there is no workflow named 'secret flow'"],
  ] as const) {
    const name = /named '(.*)'/.exec(message)?.[1];
    const refused = await refusedTo(member, text, [session, name]);
    expect(refused).toMatchObject({ code: 'HWNTF', message });
    expect(`${refused.hint}${refused.detail}`).not.toMatch(/secret (desk|flow), |, secret/);
  }
});

test('a log that others read says nothing of them', async () => {
  const run = await makeRun(db.pool, { tenant_id, agent_id: desk, user_id: admin });
  const { found } = await one(db.pool, 'select howdah_private.capable_agents($1) as found', [run]);
  const { told } = await one(
    db.pool,
    `select howdah_private.call_discover_agents($1, '{"capability": "secret merger"}') as told`,
    [run],
  );
  expect(JSON.stringify([found, told])).not.toMatch(/secret|MERGER/);
  expect(JSON.stringify(found)).toContain('desk');
});

test('a run is handed to none of them for nobody, and by none of them to anybody', async () => {
  const refusal = async (agent_id: string, to: string, user_id: string | null) => {
    const run = await makeRun(db.pool, { tenant_id, agent_id, user_id });
    return (await one(db.pool, 'select howdah_private.handoff_refusal($1, $2) as why', [run, to]))
      .why;
  };
  expect(await refusal(desk, secret, null)).toBe(
    'the user of the run may not run agent secret desk',
  );
  expect(await refusal(desk, secret, admin)).toBeNull();
  expect(await refusal(secret, desk, admin)).toBe(
    'agent secret desk is for some only, and what was said to it stays with it',
  );
});

test('a member names no agent as a workflow that others run', async () => {
  const insert = `insert into howdah.agents (name, instruction) values ('manager', 'Tell me all.')`;
  expect(await refusedTo(member, insert)).toMatchObject({
    code: 'HWCNF',
    message: "there is a workflow named 'manager' already",
  });
  await as(admin, (client) => client.query(insert));
});

test('a message to a run of somebody else is as little his as an input of it', async () => {
  const run = await makeRun(db.pool, { tenant_id, agent_id: desk, user_id: admin });
  for (const text of [
    'select howdah.add_input($1, $2)',
    'insert into howdah.mail (to_execution_id, content) values ($1, $2)',
  ]) {
    expect(await refusedTo(member, text, [run, 'injected'])).toMatchObject({ code: 'HWDEN' });
    await as(admin, (client) => client.query(text, [run, 'mine']));
  }
});

test('a message nobody sees is replied to by nobody, and its thread is none', async () => {
  const { id } = await one(
    db.pool,
    `insert into howdah.mail (tenant_id, to_agent_id, content) values ($1, $2, 'hidden') returning id`,
    [tenant_id, secret],
  );
  for (const column of ['reply_to_id', 'thread_id']) {
    const text = `insert into howdah.mail (to_agent_id, content, ${column}) values ($1, 'x', $2)`;
    expect(await refusedTo(member, text, [desk, id])).toMatchObject({ code: 'HWNTF' });
  }
});

test('an engine that was taken from an agent is asked by its versions for admins alone', async () => {
  const id = await makeAgent(db.pool, {
    tenant_id,
    name: 'far away',
    engine: 'http',
    engine_configuration: { url: 'https://example.com/old' },
  });
  const run = await makeRun(db.pool, { tenant_id, agent_id: id, user_id: member });
  await as(member, (client) => client.query('select howdah.fork_execution($1, 0)', [run]));
  await db.pool.query(
    `update howdah.agents set engine = 'builtin', engine_configuration = '{}' where id = $1`,
    [id],
  );
  for (const [text, values] of [
    [`select howdah.run('far away', 'x', version => '1')`, []],
    ['select howdah.fork_execution($1, 0)', [run]],
  ] as const) {
    expect(await refusedTo(member, text, [...values])).toMatchObject({
      code: 'HWDEN',
      message: "version 1 of agent 'far away' asks an engine (http) that the agent has no more",
    });
    await as(admin, (client) => client.query(text, [...values]));
  }
  await as(member, (client) => client.query(`select howdah.run('far away', 'x')`));
});

test('keys stand neither in headers of an engine nor beside a prompt', async () => {
  for (const name of ['X-Auth', 'X-Functions-Key', 'x-session']) {
    expect(
      await refusedTo(
        admin,
        `insert into howdah.agents (name, engine, engine_configuration) values ('e', 'http', $1)`,
        [{ url: 'https://example.com/', headers: { [name]: 'abcdef0123456789' } }],
      ),
    ).toMatchObject({
      code: 'HWINV',
      message: `headers.${name} holds a key, and keys never stand in a row`,
    });
  }
  const key = `sk-proj-${'A1b2C3d4E5f6G7h8'}I9j0K1l2`;
  expect(
    await refusedTo(
      admin,
      `insert into howdah.prompts (name, template, description) values ('p', 'x', $1)`,
      [`use ${key}`],
    ),
  ).toMatchObject({ code: 'HWINV' });
  for (const text of [
    `insert into howdah.prompts (name, template, variables) values ('p', '{{api_key}}', '{"api_key": {"type": "string", "default": "hunter2"}}')`,
  ]) {
    expect(await refusedTo(admin, text)).toMatchObject({
      code: 'HWINV',
      message: expect.stringContaining('holds a key'),
    });
  }
  expect(await all(db.pool, 'select from howdah.prompts')).toEqual([]);
});
