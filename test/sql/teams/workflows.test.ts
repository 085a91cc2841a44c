import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { makeAgent } from '../../runtime/arrange.ts';
import { makeTeam, startTeam } from '../../runtime/teams.ts';
import { testDatabase } from '../../support/database.ts';
import {
  makeTenant,
  makeAgent as makeTenantAgent,
  one,
  rolledBack,
  takeRole,
  testClient,
  unique,
} from '../support.ts';

const database = testDatabase();
let agent: string;

beforeAll(async () => {
  agent = await makeAgent(database.pool, { script: [{ content: 'done' }] });
});

const workflow = (type: string, configuration: object) =>
  makeTeam(database.pool, { type, configuration: configuration as never, members: [{ agent }] });

/** A configuration with so many edges, which are at the bounds unless there are more of them. */
const edgesFrom = (count: number, from: (n: number) => string, when = 'true') => ({
  edges: Array.from({ length: count }, (_, n) => ({ from: from(n), to: 'b', when })),
});

describe('workflow configuration', () => {
  test.each([
    ['chain', { cumulativ: true }, /cumulativ/],
    ['parallel', { max_concurrency: 0 }, /max_concurrency/],
    ['router', { min_confidence: 2 }, /min_confidence/],
    ['orchestrator', { planning: 'some' }, /planning.*full/],
    ['evaluator_optimizer', { max_rounds: 'many' }, /max_rounds/],
    ['voting', { ties: 'coin' }, /ties/],
    ['map', { on_failure: 'cry' }, /on_failure/],
    ['graph', {}, /edges/],
    ['graph', { edges: [{ from: 'a' }] }, /edges.*0.*to/],
    ['chain', { stop_when: 'x'.repeat(10_001) }, /stop_when/],
    ['graph', { edges: [{ from: 'a', to: 'b', when: 'x'.repeat(10_001) }] }, /when/],
    ['graph', edgesFrom(1_001, (n) => `n${n}`), /edges: it has 1001 edges/],
    ['graph', edgesFrom(9_000, (n) => `n${n}`), /edges: it has 9000 edges/],
    ['graph', edgesFrom(201, () => 'a'), /the node 'a' has 201 outgoing edges/],
    ['graph', edgesFrom(11, () => 'a', 'x'.repeat(9_999)), /109989 characters/],
  ])(
    'of a %s with %.60j is rejected with the path of the error',
    async (type, configuration, said) => {
      await expect(workflow(type, configuration)).rejects.toMatchObject({
        code: 'HWINV',
        message: expect.stringMatching(said),
        hint: expect.stringContaining('howdah.workflow_schema'),
      });
    },
  );

  test('may have as many edges and conditions as are allowed', async () => {
    const fits = [
      edgesFrom(1_000, (n) => `n${n % 5}`),
      edgesFrom(10, () => 'a', 'x'.repeat(10_000)),
    ];
    for (const configuration of fits) {
      expect(await workflow('graph', configuration)).toEqual(expect.any(String));
    }
  });

  test('rejects a plaintext key', async () => {
    const request_params = { api_key: 'sk-0123456789abcdefghijklmnopqrstuv' };
    await expect(workflow('router', { request_params })).rejects.toMatchObject({ code: 'HWINV' });
  });
});

describe('a workflow that names an agent that is no member', () => {
  type Notice = { severity?: string | undefined; message?: string | undefined };

  /** Runs statements in separate transactions, and returns their warnings. */
  async function warningsOf(statements: readonly string[]): Promise<string[]> {
    const client = await testClient(database.pool);
    const found: string[] = [];
    const listen = ({ severity, message }: Notice) => {
      if (severity === 'WARNING') found.push(message ?? '');
    };
    client.on('notice', listen);
    for (const statement of statements) await client.query(statement);
    client.off('notice', listen);
    return found;
  }

  const name = unique('team');
  const member = (role: string, place: number) =>
    `insert into howdah.workflow_agents (workflow_id, agent_id, role, sequence_order)
     values (howdah.workflow('${name}'), '${agent}', '${role}', ${place})`;

  test('is warned about when it is written, and not once it is complete', async () => {
    const insert = `insert into howdah.workflows (name, type, configuration)
      values ('${name}', 'parallel', '{"aggregator": "judge"}')`;
    expect(await warningsOf([insert])).toEqual([]); // no warning before it has members
    expect(await warningsOf([member('writer', 1)])).toEqual([
      expect.stringContaining(`the workflow '${name}' cannot run: configuration.aggregator names`),
    ]);
    expect(await warningsOf([member('judge', 2)])).toEqual([]);
    const rename = `update howdah.workflows set configuration = '{"aggregator": "juge"}' where name = '${name}'`;
    expect(await warningsOf([rename])).toEqual([expect.stringContaining('did you mean judge?')]);
  });
});

describe('a workflow does not start', () => {
  const refused = (id: string, message: RegExp, code = 'HWCNF') =>
    expect(startTeam(database.pool, id)).rejects.toMatchObject({
      code,
      message: expect.stringMatching(message),
    });

  test('without members, or with too many for its type', async () => {
    const { pool } = database;
    await refused(await makeTeam(pool, { type: 'chain', members: [] }), /none/);
    await refused(await makeTeam(pool, { type: 'voting', members: [{ agent }] }), /two members/);
    const two = [
      { agent, role: 'a' },
      { agent, role: 'b' },
    ];
    await refused(await makeTeam(pool, { type: 'map', members: two }), /one member, the worker/);
  });

  test('when two members have the same name', async () => {
    const twice = { type: 'chain', members: [{ agent }, { agent }] };
    await refused(await makeTeam(database.pool, twice), /give each of them a role/);
  });

  test('when its configuration names an unknown member, with a suggestion', async () => {
    const members = [
      { agent, role: 'writer' },
      { agent, role: 'editor' },
    ];
    const configuration = { start: 'writer', edges: [{ from: 'writer', to: 'editr' }] };
    await refused(
      await makeTeam(database.pool, { type: 'graph', members, configuration }),
      /edges\[0\]\.to.*did you mean editor/,
    );
  });

  test('when a member is deleted or cannot run itself', async () => {
    const { pool } = database;
    const gone = await makeAgent(pool, { script: [{ content: 'done' }] });
    const inner = await makeTeam(pool, { type: 'voting', members: [{ agent }] });
    const outer = await makeTeam(pool, { type: 'chain', members: [{ workflow: inner }] });
    await refused(outer, /its member .* cannot run: .*two members/);
    const team = await makeTeam(pool, { type: 'chain', members: [{ agent: gone }] });
    await pool.query('update howdah.agents set deleted_at = now() where id = $1', [gone]);
    await refused(team, /its member .* is deleted/);
  });

  test('each workflow below it is checked once, however often it is a member', async () => {
    const { pool } = database;
    let team = await makeTeam(pool, { type: 'chain', members: [{ agent }] });
    for (let level = 0; level < 12; level += 1) {
      const members = Array.from({ length: 10 }, (_, n) => ({ workflow: team, role: `m${n}` }));
      team = await makeTeam(pool, { type: 'chain', members });
    }
    // 10^12 members
    const { fault } = await one(
      pool,
      `select howdah_private.team_fault(w.id, howdah_private.workflow_definition(w.id)) as fault
       from howdah.workflows as w where w.id = $1`,
      [team],
    );
    expect(fault).toBeNull();
  });

  test('when its quorum exceeds its number of members', async () => {
    const configuration = { on_failure: 'quorum', quorum: 9 };
    await refused(await workflow('parallel', configuration), /quorum \(9\) is larger/);
  });

  test('when it is inactive, deleted or unknown', async () => {
    const { pool } = database;
    const id = await workflow('chain', {});
    await pool.query('update howdah.workflows set is_active = false where id = $1', [id]);
    await refused(id, /not active/);
    await pool.query('select howdah.delete_workflow($1)', [id]);
    await refused(id, /deleted/);
    await refused('01990000-0000-7000-8000-000000000000', /no workflow/, 'HWNTF');
    await expect(pool.query(`select howdah.workflow('nihgtly')`)).rejects.toMatchObject({
      code: 'HWNTF',
      hint: expect.stringContaining('team_'),
    });
  });
});

test('a workflow cannot contain itself, directly or through others', async () => {
  const { pool } = database;
  const inner = await workflow('chain', {});
  const outer = await makeTeam(pool, { type: 'chain', members: [{ workflow: inner }] });
  await expect(
    pool.query(
      'insert into howdah.workflow_agents (workflow_id, member_workflow_id, sequence_order) values ($1, $2, 2)',
      [inner, outer],
    ),
  ).rejects.toMatchObject({ code: 'HWINV', message: expect.stringContaining('itself') });
});

test('a member of an existing workflow cannot be deleted, and the error names the workflow', async () => {
  const { pool } = database;
  const member = await makeAgent(pool, { script: [{ content: 'done' }] });
  const inner = await makeTeam(pool, { type: 'chain', members: [{ agent: member }] });
  const outer = await makeTeam(pool, { type: 'chain', members: [{ workflow: inner }] });
  const { rows } = await pool.query(
    'select (select name from howdah.workflows where id = $1) as inner, (select name from howdah.workflows where id = $2) as outer',
    [inner, outer],
  );
  const refused = (kind: string, id: string, workflow: string) =>
    expect(pool.query(`select howdah.delete_${kind}($1)`, [id])).rejects.toMatchObject({
      code: 'HWCNF',
      message: expect.stringMatching(new RegExp(`^${kind} '.*' is a member of ${workflow}$`)),
      detail: expect.stringContaining(workflow),
      hint: expect.stringContaining('howdah.workflow_agents'),
    });
  await refused('agent', member, rows[0].inner);
  await refused('workflow', inner, rows[0].outer);
  await pool.query('select howdah.delete_workflow($1)', [outer]);
  await pool.query('select howdah.delete_workflow($1)', [inner]);
  await pool.query('select howdah.delete_agent($1)', [member]);
});

test('a member without a position is placed last, also when two are added at once', async () => {
  const { pool } = database;
  const id = await workflow('chain', {});
  const add = `insert into howdah.workflow_agents (workflow_id, agent_id, role) values ($1, $2, $3)`;
  await pool.query(
    `insert into howdah.workflow_agents (workflow_id, agent_id, role)
     select $1, $2, r from unnest('{b,c}'::text[]) as r`,
    [id, agent],
  );
  const [first, second] = [await pool.connect(), await pool.connect()];
  try {
    await first.query('begin');
    await first.query(add, [id, agent, 'd']);
    const { rows: sessions } = await second.query('select pg_backend_pid() as pid');
    const waiting = second.query(add, [id, agent, 'e']);
    await expect
      .poll(async () => {
        const { rows } = await pool.query('select cardinality(pg_blocking_pids($1)) as n', [
          sessions[0].pid,
        ]);
        return rows[0].n;
      })
      .toBe(1);
    await first.query('commit');
    await waiting;
  } finally {
    first.release();
    second.release();
  }
  const { rows } = await pool.query(
    'select coalesce(role, $2) as role, sequence_order as place from howdah.workflow_agents where workflow_id = $1 order by 2',
    [id, 'a'],
  );
  expect(rows.map(({ role, place }) => `${place}${role}`).join(' ')).toBe('1a 2b 3c 4d 5e');
});

test('an edit or a renamed member creates a version; a run keeps its own version', async () => {
  const { pool } = database;
  const id = await workflow('chain', {});
  const versions = async () => {
    const { rows } = await pool.query(
      'select version, definition from howdah.workflow_versions where workflow_id = $1 order by version',
      [id],
    );
    return rows;
  };
  const run = await startTeam(pool, id);
  await pool.query(`update howdah.workflows set description = 'better' where id = $1`, [id]);
  await pool.query(`update howdah.workflows set description = 'better' where id = $1`, [id]);
  await pool.query(`update howdah.agents set description = 'the one' where id = $1`, [agent]);
  expect((await versions()).map(({ version }) => version)).toEqual([1, 2, 3]);
  expect((await versions())[2].definition.workflow.members).toMatchObject([
    { description: 'the one' },
  ]);
  const { rows } = await pool.query(
    `select v.version from howdah.executions as e
     join howdah.workflow_versions as v on v.id = e.workflow_version_id where e.id = $1`,
    [run],
  );
  expect(rows).toEqual([{ version: 1 }]);
  await expect(pool.query('delete from howdah.workflow_versions')).rejects.toMatchObject({
    code: 'HWDEN',
  });
});

test('run_workflow starts a workflow by name, and a known key returns the first run', async () => {
  const { pool } = database;
  const id = await workflow('chain', {});
  const { rows: names } = await pool.query('select name from howdah.workflows where id = $1', [id]);
  const start = async () => {
    const { rows } = await pool.query(
      `select (howdah.run_workflow($1, 'go', idempotency_key => 'one')).*`,
      [names[0].name],
    );
    return rows[0];
  };
  const first = await start();
  expect(first).toMatchObject({ workflow_id: id, agent_id: null, status: 'queued' });
  expect(await start()).toMatchObject({ id: first.id });
});

test('a question member requires the settings of every question', async () => {
  const ask = (question: object) =>
    makeTeam(database.pool, { type: 'chain', members: [{ question: question as never }] });
  await expect(ask({ options: ['yes'] })).rejects.toMatchObject({
    code: 'HWINV',
    message: expect.stringContaining('prompt'),
  });
  await expect(ask({ prompt: 'May I?', expires_in_seconds: -1 })).rejects.toMatchObject({
    code: 'HWINV',
    message: expect.stringContaining('expires_in_seconds'),
  });
});

describe('a workflow with grants', () => {
  let tenant_id: string;
  let workflow_id: string;
  let people: Record<'admin' | 'member' | 'viewer' | 'other', string>;

  beforeAll(async () => {
    const { pool } = database;
    tenant_id = await makeTenant(pool);
    const user = async (role: string, username = role) =>
      (
        await one(
          pool,
          `insert into howdah.users (tenant_id, username, role) values ($1, $2, $3) returning id`,
          [tenant_id, username, role],
        )
      ).id;
    people = {
      admin: await user('admin'),
      member: await user('member'),
      viewer: await user('viewer'),
      other: await user('member', 'other'),
    };
    const desk = await makeTenantAgent(pool, { tenant_id, name: 'desk' });
    workflow_id = (
      await one(
        pool,
        `insert into howdah.workflows (tenant_id, name, type) values ($1, 'nightly', 'chain') returning id`,
        [tenant_id],
      )
    ).id;
    await pool.query(
      'insert into howdah.workflow_agents (tenant_id, workflow_id, agent_id) values ($1, $2, $3)',
      [tenant_id, workflow_id, desk],
    );
    await pool.query(
      `insert into howdah.executions (tenant_id, workflow_id, input) values ($1, $2, 'secret')`,
      [tenant_id, workflow_id],
    );
    await pool.query(
      `insert into howdah.grants (tenant_id, workflow_id, role, permission) values ($1, $2, 'viewer', 'run')`,
      [tenant_id, workflow_id],
    );
    await pool.query(
      `insert into howdah.grants (tenant_id, workflow_id, user_id, permission) values ($1, $2, $3, 'edit')`,
      [tenant_id, workflow_id, people.member],
    );
  });

  const as = <T>(who: keyof typeof people, work: (client: pg.PoolClient) => Promise<T>) =>
    rolledBack(database.pool, async (client) => {
      await takeRole(client, 'howdah_app', {
        'howdah.tenant_id': tenant_id,
        'howdah.user_id': people[who],
      });
      return work(client);
    });
  const run = (client: pg.PoolClient) =>
    client.query('insert into howdah.executions (workflow_id, input) values ($1, $2)', [
      workflow_id,
      'x',
    ]);
  const edit = (client: pg.PoolClient) =>
    client.query(`update howdah.workflows set description = 'x' where id = $1`, [workflow_id]);

  test('can be run and edited only by roles with that grant', async () => {
    await as('viewer', async (client) => {
      expect((await run(client)).rowCount).toBe(1);
      await expect(edit(client)).rejects.toMatchObject({ code: 'HWDEN' });
    });
    await as('member', async (client) => {
      expect((await edit(client)).rowCount).toBe(1);
      await client.query(`update howdah.workflow_agents set role = 'x' where workflow_id = $1`, [
        workflow_id,
      ]);
    });
  });

  test('is created, filled and looked up by the application as by an owner', async () => {
    await as('admin', async (client) => {
      const made = await one(
        client,
        `insert into howdah.workflows (name, type, configuration) values ('weekly', 'chain', '{"cumulative": true}') returning id`,
      );
      await client.query(
        `insert into howdah.workflow_agents (workflow_id, agent_id, configuration) values ($1, howdah.agent('desk'), '{"suppress_markdown": true}')`,
        [made.id],
      );
      await client.query(
        `insert into howdah.workflow_agents (workflow_id, question, sequence_order) values ($1, '{"prompt": "Well?"}', 2)`,
        [made.id],
      );
      expect(await one(client, `select (howdah.run_workflow('weekly', 'x')).status`)).toEqual({
        status: 'queued',
      });
    });
    const refused = (text: string, code: string) =>
      as('admin', (client) => expect(client.query(text)).rejects.toMatchObject({ code }));
    await refused(
      `insert into howdah.workflows (name, type, configuration) values ('x', 'router', '{"zz": 1}')`,
      'HWINV',
    );
    await refused(`update howdah.workflow_agents set configuration = '{"budget": 1}'`, 'HWINV');
    await refused(`select howdah.run_workflow('nope', 'x')`, 'HWNTF');
    await refused(
      `select howdah.label_workflow_version(howdah.workflow('nightly'), 99, 'x')`,
      'HWNTF',
    );
  });

  test('is not visible to other users, nor are its runs', async () => {
    const { pool } = database;
    await pool.query(`delete from howdah.grants where tenant_id = $1 and role = 'viewer'`, [
      tenant_id,
    ]);
    await as('other', async (client) => {
      for (const table of [
        'workflows',
        'workflow_agents',
        'workflow_versions',
        'executions',
        'grants',
      ]) {
        const { rowCount } = await client.query(`select from howdah.${table}`);
        const own = table === 'workflows' || table === 'workflow_versions' ? 1 : 0; // the manager
        expect({ table, rowCount }).toEqual({ table, rowCount: own });
      }
      await expect(run(client)).rejects.toMatchObject({
        code: 'HWNTF',
        message: `there is no workflow ${workflow_id}`,
      });
    });
    await as('admin', async (client) => {
      expect((await client.query('select from howdah.executions')).rowCount).toBe(1);
    });
  });

  test('is visible to all users again after its last grant is deleted', async () => {
    await database.pool.query('delete from howdah.grants where tenant_id = $1', [tenant_id]);
    await as('viewer', async (client) => {
      // this one and the manager
      expect((await client.query('select from howdah.workflows')).rowCount).toBe(2);
      await expect(run(client)).rejects.toMatchObject({ code: 'HWDEN' });
    });
  });
});
