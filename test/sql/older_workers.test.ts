import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import {
  all,
  answer,
  brokenRules,
  completed,
  makeAgent,
  makeRun,
  makeTool,
  makeWorker,
  one,
} from './support.ts';

// A worker of before goes on against this schema while a deploy rolls. What it calls is written here as that release calls
// it: never change these statements.

const CLAIM = 'select * from howdah_private.claim_executions($1, $2)';
const COMMIT = 'select * from howdah_private.commit_steps($1, $2)';

describe('a worker of protocol 1', () => {
  let db: TestDatabase;
  let worker: string;
  let agent: string;

  beforeAll(async () => {
    db = await createTestDatabase();
    worker = await makeWorker(db.pool);
    agent = await makeAgent(db.pool);
  });
  afterAll(async () => {
    expect(await brokenRules(db.pool)).toEqual([]);
    await db.drop();
  });

  const claimed = async (id: string) => (await all(db.pool, CLAIM, [worker, [id]])).length > 0;
  const commit = (id: string, after: number, steps: object[], to?: object) =>
    one(db.pool, COMMIT, [worker, JSON.stringify([{ id, fence: 1, after, steps, to }])]);
  const statusOf = async (id: string) =>
    (await one(db.pool, 'select status from howdah.executions where id = $1', [id])).status;

  test('gets the columns its prepared statements were made for', async () => {
    const { fields: claims } = await db.pool.query(CLAIM, [worker, []]);
    expect(claims.map(({ name }) => name).join(' ')).toBe(
      'execution_id fence tenant_id agent_id agent_version_id session_id metadata step_count exhausted ' +
        'active_ms_left watched is_suspect messages history attempts',
    );
    const { fields: commits } = await db.pool.query(COMMIT, [worker, '[]']);
    expect(commits.map(({ name }) => name).join(' ')).toBe(
      'execution_id outcome status step_count exhausted active_ms_left watched',
    );
  });

  test('runs what it knows from beginning to end', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    expect(await claimed(id)).toBe(true);
    expect(await commit(id, 0, [answer, { kind: 'output' }], completed)).toMatchObject({
      outcome: 'committed',
      status: 'completed',
    });
  });

  test('is woken again for a run it parked until a time', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await claimed(id);
    const to = { status: 'waiting', waiting_for: 'timer', delay_ms: 1000 };
    await commit(id, 0, [], to);
    expect(
      await all(db.pool, 'select key from graphile_worker._private_jobs where key = $1', [id]),
    ).toHaveLength(1);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test.each([
    ['a built-in tool', `update howdah.agents set human_input = true where id = $1`],
    [
      'a tool that must not be called twice',
      `insert into howdah.agent_tools (agent_id, tool_id) values ($1, $2)`,
    ],
  ])('is not given a run of an agent with %s', async (_, text) => {
    const careful = await makeAgent(db.pool);
    const once = await makeTool(db.pool, { effect: 'once' });
    await db.pool.query(text, text.includes('$2') ? [careful, once] : [careful]);
    const id = await makeRun(db.pool, { agent_id: careful });
    expect(await claimed(id)).toBe(false);
    expect(
      await all(db.pool, 'select * from howdah_private.claim_executions($1, $2, 2)', [
        worker,
        [id],
      ]),
    ).toHaveLength(1);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test.each([
    ['a prompt', 'update howdah.agents set prompt_id = $2 where id = $1', 'prompts', 'template'],
    [
      'a skill',
      'insert into howdah.agent_skills (agent_id, skill_id) values ($1, $2)',
      'skills',
      'description, content',
    ],
  ])(
    'is not given a run of an agent with %s, nor is one of protocol 4',
    async (_, give, table, columns) => {
      const told = await makeAgent(db.pool);
      const { id: part } = await one(
        db.pool,
        `insert into howdah.${table} (name, ${columns}) values ('x', ${columns.replaceAll(/\w+/g, `'x'`)}) returning id`,
      );
      await db.pool.query(give, [told, part]);
      const id = await makeRun(db.pool, { agent_id: told });
      const by = (protocol: number) =>
        all(
          db.pool,
          'select execution_id from howdah_private.claim_executions($1, $2, $3, null, 0)',
          [worker, [id], protocol],
        );
      expect(await by(1)).toEqual([]);
      expect(await by(4)).toEqual([]);
      expect(await by(5)).toEqual([{ execution_id: id }]);
      await db.pool.query('select howdah.cancel_execution($1)', [id]);
    },
  );

  test('is not given a run of an agent with a tool of an MCP server, nor is one of protocol 4', async () => {
    const told = await makeAgent(db.pool);
    const tool = { name: 'find', description: '', parameters: {}, annotations: {}, digest: 'd' };
    await db.pool.query(
      `with server as (
         insert into howdah.mcp_servers (name, type, configuration)
         values ('search', 'http', '{"url": "https://mcp.example.com/"}') returning *
       )
       insert into howdah.agent_servers (agent_id, server_id) select $1, id from server`,
      [told],
    );
    await db.pool.query(
      `select howdah_private.record_mcp_tools(s.id, howdah_private.mcp_revision(s), '{}', $1)
       from howdah.mcp_servers as s`,
      [JSON.stringify([{ ...tool, fault: null, hides_something: false }])],
    );
    const id = await makeRun(db.pool, { agent_id: told });
    const by = (protocol: number) =>
      all(
        db.pool,
        'select execution_id from howdah_private.claim_executions($1, $2, $3, null, 0)',
        [worker, [id], protocol],
      );
    expect(await by(1)).toEqual([]);
    expect(await by(4)).toEqual([]);
    expect(await by(5)).toEqual([{ execution_id: id }]);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('hands back a run that was asked to pause', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await claimed(id);
    await db.pool.query('select howdah.pause_execution($1)', [id]);
    expect(await commit(id, 0, [answer])).toMatchObject({ outcome: 'committed', status: 'queued' });
    expect(await statusOf(id)).toBe('paused');
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });

  test('does not end a run that was sent something, and lets a newer one take it', async () => {
    const id = await makeRun(db.pool, { agent_id: agent });
    await claimed(id);
    await db.pool.query('update howdah.executions set has_inbox = true where id = $1', [id]);
    const steps = [answer, { kind: 'output' }];
    expect(await commit(id, 0, steps, completed)).toMatchObject({ outcome: 'stale' });
    expect(await statusOf(id)).toBe('queued');
    expect(await claimed(id)).toBe(false);
    await db.pool.query('select howdah.cancel_execution($1)', [id]);
  });
});

describe('a worker of protocol 4', () => {
  let db: TestDatabase;
  let worker: string;

  beforeAll(async () => {
    db = await createTestDatabase();
    worker = await makeWorker(db.pool);
  });
  afterAll(async () => {
    expect(await brokenRules(db.pool)).toEqual([]);
    await db.drop();
  });

  const claimedBy = async (protocol: number, id: string) => {
    const text = 'select * from howdah_private.claim_executions($1, $2, $3, null, 0)';
    return (await all(db.pool, text, [worker, [id], protocol])).length > 0;
  };

  test.each([
    [
      'an agent with an engine',
      `update howdah.agents set engine = 'http', engine_configuration = '{"url": "https://example.com"}' where id = $1 returning id`,
    ],
    [
      'an agent that may hand over',
      `with handoff as (
         insert into howdah.tools (name, kind, agent_id, parameters) values ('handoff_to_me', 'agent', $1, '{"type": "object"}') returning id
       ) insert into howdah.agent_tools (agent_id, tool_id, configuration) select $1, id, '{"handoff": true}' from handoff`,
    ],
  ])('is not given a run of %s', async (_, text) => {
    const agent_id = await makeAgent(db.pool);
    const plain = await makeRun(db.pool, { agent_id });
    await db.pool.query(text, [agent_id]);
    const id = await makeRun(db.pool, { agent_id });
    expect(await claimedBy(4, plain)).toBe(true);
    expect(await claimedBy(4, id)).toBe(false);
    expect(await claimedBy(5, id)).toBe(true);
  });

  test('is not given a run of an agent that is a tool, nor is one of protocol 6', async () => {
    const agent_id = await makeAgent(db.pool);
    const text = `update howdah.agents set engine = 'custom', engine_configuration = '{"tool": "now"}' where id = $1 returning id`;
    await db.pool.query(text, [agent_id]);
    const id = await makeRun(db.pool, { agent_id });
    expect(await claimedBy(6, id)).toBe(false);
    expect(await claimedBy(7, id)).toBe(true);
  });

  test.each([{ model: 'default' }, { request_params: { temperature: 0 } }])(
    'is not given a run with %o, nor is one of protocol 7',
    async (overrides) => {
      const agent_id = await makeAgent(db.pool);
      const id = await makeRun(db.pool, { agent_id, overrides });
      expect(await claimedBy(4, id)).toBe(false);
      expect(await claimedBy(7, id)).toBe(false);
      expect(await claimedBy(8, id)).toBe(true);
    },
  );

  test('is not given a run of a manager', async () => {
    const { id } = await one(db.pool, `select (howdah.run('manager', 'x')).id`, []);
    expect(await claimedBy(4, id)).toBe(false);
    expect(await claimedBy(5, id)).toBe(true);
  });
});
