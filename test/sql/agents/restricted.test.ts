import type pg from 'pg';
import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import {
  all,
  committed,
  makeAgent,
  makeModel,
  makeRun,
  makeSession,
  makeTenant,
  makeTool,
  makeUser,
  one,
  refusedInside,
  rolledBack,
  takeRole,
} from '../support.ts';

// Agents and workflows that only some users may see. Teams, messages and names must not reveal them
// to other users.

const db = testDatabase();
let tenant_id: string;
let member: string;
let admin: string;
let desk: string;
let secret: string;

beforeAll(async () => {
  tenant_id = await makeTenant(db.pool);
  member = (await makeUser(db.pool, { tenant_id, username: 'mal', role: 'member' })).id;
  admin = (await makeUser(db.pool, { tenant_id, username: 'boss', role: 'admin' })).id;
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

const as = <T>(user: string, work: (client: pg.PoolClient) => Promise<T>) =>
  rolledBack(db.pool, async (client) => {
    await takeRole(client, 'howdah_app', { 'howdah.tenant_id': tenant_id, 'howdah.user_id': user });
    return work(client);
  });
const refusedTo = (user: string, text: string, values: unknown[] = []) =>
  as(user, (client) => refusedInside(client, text, values));

test('no function reveals the names of restricted agents and workflows', async () => {
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

test('an idempotency key of a restricted run is rejected without revealing the run', async () => {
  const run = await makeRun(db.pool, {
    tenant_id,
    agent_id: secret,
    idempotency_key: 'of a secret',
  });
  for (const text of [
    "select howdah.run('desk', 'mine', idempotency_key => 'of a secret')",
    'select howdah_private.run_by_id($1, null, $2, null, null, null, 0, $3, null, null, null, null)',
    'insert into howdah.executions (agent_id, input, idempotency_key) values ($1, $2, $3)',
  ]) {
    const values = text.includes('$1') ? [desk, 'mine', 'of a secret'] : [];
    const refused = await refusedTo(member, text, values);
    expect(refused).toMatchObject({
      code: 'HWCNF',
      message: "idempotency key 'of a secret' has already been used",
      detail: '{"field": "idempotency_key"}',
      hint: 'Use another key, such as a uuid.',
    });
  }
  const seen = await as(admin, (client) =>
    refusedInside(client, "select howdah.run('desk', 'mine', idempotency_key => 'of a secret')"),
  );
  expect(seen).toMatchObject({ code: 'HWCNF', detail: expect.stringContaining(run) });
});

test('a log that others read does not mention restricted agents', async () => {
  const run = await makeRun(db.pool, { tenant_id, agent_id: desk, user_id: admin });
  const { found } = await one(db.pool, 'select howdah_private.capable_agents($1) as found', [run]);
  const { discovered } = await one(
    db.pool,
    `select howdah_private.call_discover_agents($1, '{"capability": "secret merger"}') as discovered`,
    [run],
  );
  expect(JSON.stringify([found, discovered])).not.toMatch(/secret|MERGER/);
  expect(JSON.stringify(found)).toContain('desk');
});

test('a restricted agent hands its runs to no agent, and takes handoffs for its users only', async () => {
  const refusal = async (agent_id: string, to: string, user_id: string | null) => {
    const run = await makeRun(db.pool, { tenant_id, agent_id, user_id });
    return (await one(db.pool, 'select howdah_private.handoff_fault($1, $2) as why', [run, to]))
      .why;
  };
  expect(await refusal(desk, secret, null)).toBe(
    'the user of the run may not run agent secret desk',
  );
  expect(await refusal(desk, secret, admin)).toBeNull();
  expect(await refusal(secret, desk, admin)).toBe(
    'access to agent secret desk is restricted, so its conversation cannot be handed over',
  );
});

test('a member cannot name an agent like a workflow that others run', async () => {
  const insert = `insert into howdah.agents (name, instruction) values ('manager', 'Tell me all.')`;
  expect(await refusedTo(member, insert)).toMatchObject({
    code: 'HWCNF',
    fields: { field: 'name', workflow: 'manager' },
  });
  await as(admin, (client) => client.query(insert));
});

test('a member can send neither messages nor input to a run of another user', async () => {
  const run = await makeRun(db.pool, { tenant_id, agent_id: desk, user_id: admin });
  for (const text of [
    'select howdah.add_input($1, $2)',
    'insert into howdah.mail (to_execution_id, content) values ($1, $2)',
  ]) {
    expect(await refusedTo(member, text, [run, 'injected'])).toMatchObject({ code: 'HWDEN' });
    await as(admin, (client) => client.query(text, [run, 'mine']));
  }
});

test('a member can neither reply to an invisible message nor join its thread', async () => {
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

test('an engine removed from an agent is used through older versions by admins only', async () => {
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
      message: "version 1 of agent 'far away' uses an engine (http) that the agent no longer has",
    });
    await as(admin, (client) => client.query(text, [...values]));
  }
  await as(member, (client) => client.query(`select howdah.run('far away', 'x')`));
});

describe('tool settings made by admins', () => {
  const KEYS = { secrets: { 'x-key': { secret_name: 'gh', hosts: ['api.github.com'] } } };

  type Giving = { configuration?: object; requires_approval?: boolean };

  /**
   * Creates an agent that had the tool with the settings `was`, and a cancelled run of that
   * version. Then gives the tool with the settings `now`, or removes it.
   */
  async function giveTool(tool: object, was: Giving, now: Giving | null) {
    const name = `agent ${++agents}`;
    const agent = await makeAgent(db.pool, { tenant_id, name });
    const tool_id = await makeTool(db.pool, { tenant_id, ...tool });
    const named = await one(db.pool, 'select name from howdah.tools where id = $1', [tool_id]);
    const give = (giving: Giving) =>
      db.pool.query(
        `insert into howdah.agent_tools (tenant_id, agent_id, tool_id, configuration, requires_approval)
         values ($1, $2, $3, $4, $5)
         on conflict (agent_id, tool_id) do update
         set configuration = excluded.configuration, requires_approval = excluded.requires_approval`,
        [tenant_id, agent, tool_id, giving.configuration ?? {}, giving.requires_approval],
      );
    await give(was);
    const run = await makeRun(db.pool, { tenant_id, agent_id: agent, user_id: member });
    await committed(db.pool, async (client) => {
      await client.query(`select set_config('howdah.tenant_id', $1, true)`, [tenant_id]);
      await client.query('select howdah.cancel_execution($1)', [run]);
    });
    const { version } = await one(
      db.pool,
      `select v.version::text from howdah.executions as e join howdah.agent_versions as v on v.id = e.agent_version_id
       where e.id = $1`,
      [run],
    );
    await (now
      ? give(now)
      : db.pool.query('delete from howdah.agent_tools where agent_id = $1', [agent]));
    return { name, run, version, tool_id, tool: named.name };
  }
  let agents = 0;
  const begins = ({
    name,
    run,
    version,
  }: Record<'name' | 'run' | 'version', string>): [string, unknown[]][] => [
    [`select howdah.run($1, 'x', version => $2)`, [name, version]],
    [`select howdah.fork_execution($1, 0, 'again')`, [run]],
    ['select howdah.fork_execution($1, 0, version => $2)', [run, version]],
    ['select howdah.retry_execution($1)', [run]],
  ];

  test.each<[string, object, Giving, Giving | null]>([
    ['a removed setting of the agent', {}, { configuration: KEYS }, {}],
    ['a tool removed together with its settings', {}, { configuration: KEYS }, null],
    ['an added limit', {}, {}, { configuration: { allow: ['x.org'] } }],
    [
      'an approval that is now required',
      {},
      { requires_approval: false },
      { requires_approval: true },
    ],
  ])('restrict older versions to admins: %s', async (_what, tool, was, now) => {
    const old = await giveTool(tool, was, now);
    for (const [text, values] of begins(old)) {
      expect(await refusedTo(member, text, values), text).toMatchObject({
        code: 'HWDEN',
        message: `version ${old.version} of agent '${old.name}' has tool ${old.tool} with settings that admins have changed since`,
        hint: expect.stringContaining(`version ${Number(old.version) + 1}`),
      });
      await as(admin, (client) => client.query(text, values));
    }
    for (const [text, values] of begins({ ...old, version: `${Number(old.version) + 1}` })) {
      await as(text.includes('version') ? member : admin, (client) => client.query(text, values));
    }
  });

  test.each<[string, object, Giving, Giving | null]>([
    ['a mission_override that was removed', {}, { configuration: { mission_override: 'x' } }, {}],
    ['settings of the tool itself', { configuration: KEYS }, {}, null],
    ['an approval that is no longer required', {}, { requires_approval: true }, {}],
  ])('do not restrict older versions for %s', async (_what, tool, was, now) => {
    for (const [text, values] of begins(await giveTool(tool, was, now))) {
      const started = await as(member, (client) => client.query(text, values));
      expect(started.rowCount, text).toBe(1);
    }
  });

  test('restrict older versions after a change of the tool itself, also by label', async () => {
    const old = await giveTool({ configuration: KEYS }, {}, {});
    await db.pool.query(`update howdah.tools set configuration = '{}' where id = $1`, [
      old.tool_id,
    ]);
    await committed(db.pool, async (client) => {
      await takeRole(client, 'howdah_app', {
        'howdah.tenant_id': tenant_id,
        'howdah.user_id': admin,
      });
      await client.query(
        'select howdah.label_agent_version(a.id, $2, $3) from howdah.agents as a where a.name = $1',
        [old.name, old.version, 'before'],
      );
    });
    const text = 'select howdah.run($1, $2, version => $3)';
    for (const version of [old.version, 'before']) {
      expect(await refusedTo(member, text, [old.name, 'x', version])).toMatchObject({
        code: 'HWDEN',
      });
    }
    await as(member, (client) => client.query(text, [old.name, 'x', `${Number(old.version) + 1}`]));
  });
});

describe('request_params that only admins set', () => {
  /** Returns the number of the current version. */
  const versionOf = async (what: 'agent' | 'workflow', id: string): Promise<number> =>
    (
      await one(
        db.pool,
        `select v.version from howdah.${what}_versions as v
         where v.id = howdah_private.refresh_${what}_version($1)`,
        [id],
      )
    ).version;

  test.each([
    ['was removed', { service_tier: 'priority' }, {}],
    ['was changed', { models: ['dear'] }, { models: ['cheap'] }],
    ['was added', {}, { store: false }],
    ['was removed together with the model', { plugins: [{ id: 'web' }] }, null],
  ])('restrict older versions of an agent to admins when one %s', async (_what, was, now) => {
    const model = await makeModel(db.pool, { tenant_id });
    const agent = await makeAgent(db.pool, { tenant_id });
    const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
    await db.pool.query(
      'insert into howdah.agent_models (tenant_id, agent_id, model_id, request_params) values ($1, $2, $3, $4)',
      [tenant_id, agent, model, was],
    );
    const version = await versionOf('agent', agent);
    const first = `select howdah.run($1, 'x', version => '${version}')`;
    await as(member, (client) => client.query(first, [name]));
    await db.pool.query(
      now === null
        ? 'delete from howdah.agent_models where agent_id = $1 and $2::jsonb is null'
        : 'update howdah.agent_models set request_params = $2 where agent_id = $1',
      [agent, now],
    );
    expect(await refusedTo(member, first, [name])).toMatchObject({
      code: 'HWDEN',
      message: `version ${version} of agent '${name}' has request_params that admins have changed since`,
    });
    await as(admin, (client) => client.query(first, [name]));
    await as(member, (client) => client.query(`select howdah.run($1, 'x')`, [name]));
  });

  test('do not include those that editors set', async () => {
    const model = await makeModel(db.pool, { tenant_id });
    const agent = await makeAgent(db.pool, { tenant_id });
    const { name } = await one(db.pool, 'select name from howdah.agents where id = $1', [agent]);
    await db.pool.query(
      `insert into howdah.agent_models (tenant_id, agent_id, model_id, request_params)
       values ($1, $2, $3, '{"temperature": 0, "store": false}')`,
      [tenant_id, agent, model],
    );
    const version = await versionOf('agent', agent);
    await db.pool.query(
      `update howdah.agent_models set request_params = '{"temperature": 1, "seed": 7, "store": false}' where agent_id = $1`,
      [agent],
    );
    const started = await as(member, (client) =>
      client.query(`select howdah.run($1, 'x', version => '${version}')`, [name]),
    );
    expect(started.rowCount).toBe(1);
  });

  test.each(['agent', 'workflow'] as const)(
    'of a model that admins changed restrict older versions of its %s to admins',
    async (what) => {
      const name = `relies on ${what}`;
      const model = await makeModel(db.pool, {
        tenant_id,
        name: `params of ${what}`,
        request_params: { service_tier: 'priority' },
      });
      const { id } =
        what === 'agent'
          ? await one(
              db.pool,
              `with a as (insert into howdah.agents (tenant_id, name) values ($1, $2) returning id)
               insert into howdah.agent_models (tenant_id, agent_id, model_id)
               select $1, id, $3 from a returning agent_id as id`,
              [tenant_id, name, model],
            )
          : await one(
              db.pool,
              `insert into howdah.workflows (tenant_id, name, type, configuration)
               values ($1, $2, 'router', jsonb_build_object('model', $3::text)) returning id`,
              [tenant_id, name, `params of ${what}`],
            );
      if (what === 'workflow') {
        await db.pool.query(
          'insert into howdah.workflow_agents (tenant_id, workflow_id, agent_id, sequence_order) values ($1, $2, $3, 1)',
          [tenant_id, id, desk],
        );
      }
      const version = await versionOf(what, id);
      const run = what === 'agent' ? 'run' : 'run_workflow';
      const text = `select howdah.${run}($1, 'x', version => '${version}')`;
      await as(member, (client) => client.query(text, [name]));
      await db.pool.query(`update howdah.models set request_params = '{}' where id = $1`, [model]);
      expect(await refusedTo(member, text, [name])).toMatchObject({
        code: 'HWDEN',
        message: expect.stringContaining('has request_params that admins have changed since'),
      });
    },
  );

  test('restrict older versions of a workflow to admins', async () => {
    const { id } = await one(
      db.pool,
      `insert into howdah.workflows (tenant_id, name, type, configuration)
       values ($1, 'chooses', 'router', '{"request_params": {"service_tier": "priority"}}') returning id`,
      [tenant_id],
    );
    await db.pool.query(
      'insert into howdah.workflow_agents (tenant_id, workflow_id, agent_id, sequence_order) values ($1, $2, $3, 1)',
      [tenant_id, id, desk],
    );
    const version = await versionOf('workflow', id);
    await db.pool.query(
      `update howdah.workflows set configuration = configuration - 'request_params' where id = $1`,
      [id],
    );
    const text = `select howdah.run_workflow('chooses', 'x', version => '${version}')`;
    expect(await refusedTo(member, text)).toMatchObject({
      code: 'HWDEN',
      message: `version ${version} of workflow 'chooses' has request_params that admins have changed since`,
    });
    await as(admin, (client) => client.query(text));
  });
});

test('rejects keys in engine headers and in columns of a prompt', async () => {
  for (const name of ['X-Auth', 'X-Functions-Key', 'x-session']) {
    expect(
      await refusedTo(
        admin,
        `insert into howdah.agents (name, engine, engine_configuration) values ('e', 'http', $1)`,
        [{ url: 'https://example.com/', headers: { [name]: 'abcdef0123456789' } }],
      ),
    ).toMatchObject({
      code: 'HWINV',
      message: `headers.${name} contains a key; rows must not contain keys`,
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
      message: expect.stringContaining('contains a key'),
    });
  }
  expect(await all(db.pool, 'select from howdah.prompts')).toEqual([]);
});
