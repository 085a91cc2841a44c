import { describe, expect, test } from 'vitest';
import { buildMessages } from '../../src/runtime/messages/build-messages.ts';
import { asRole, makeTenant } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { changes, faultsOf, HELPDESK, newTenant } from './support.ts';

const database = testDatabase();

const system = (name: string, rest: object) => ({ version: 'v1', name, ...rest });

describe('an apply', () => {
  test('creates an agent that runs a tool without a model', async () => {
    const tenant = await newTenant(database.pool);
    const label = {
      engine: 'custom',
      engine_configuration: { tool: 'label' },
      tools: { allow: ['label'] },
    };
    const tools = { label: { kind: 'custom', parameters: { type: 'object' } } };
    const plan = await tenant.apply(system('parcels', { tools, agents: { label } }));
    expect(changes(plan)).toEqual([
      'create system parcels',
      'create tool label',
      'create agent label',
    ]);
    const { definition } = await tenant.one(
      `select howdah_private.agent_definition(id) as definition from howdah.agents where tenant_id = $1 and name = 'label'`,
      tenant.tenant,
    );
    expect(definition.models).toMatchObject([{ provider: 'engine:tool', model: 'label' }]);
    expect(definition.tools).toMatchObject([{ name: 'label' }]);
  });

  test('treats an empty or null value as one that is left out', async () => {
    const tenant = await newTenant(database.pool);
    const clerk = { mission: 'Help.', description: null, tools: null, budget: { max_steps: null } };
    const plan = await tenant.apply(system('sparse', { prompts: null, agents: { clerk } }));
    expect(changes(plan)).toEqual(['create system sparse', 'create agent clerk']);
    const same = await tenant.apply(system('sparse', { agents: { clerk: { mission: 'Help.' } } }));
    expect(changes(same)).toEqual([]);
  });

  test('creates every part of the example and reports the changes', async () => {
    const tenant = await newTenant(database.pool);
    const plan = await tenant.apply(HELPDESK);
    expect(changes(plan)).toEqual([
      'create system shop-helpdesk',
      'create model fast',
      'create agent analyst',
      'create agent desk',
      'create workflow nightly',
    ]);
    const { resolved, source, version, orchestrator } = await tenant.one(
      `select resolved, source, version, orchestrator from howdah.agent_systems where name = 'shop-helpdesk' and tenant_id = $1`,
      tenant.tenant,
    );
    expect({ source, version, orchestrator }).toEqual({
      source: HELPDESK,
      version: 1,
      orchestrator: 'desk',
    });
    const { desk } = resolved.agents;
    expect(desk.tools.map(({ name }: { name: string }) => name)).toEqual([
      'agent__analyst',
      'ask_user',
      'todo',
    ]);
    expect(resolved.agents.analyst.tools).toMatchObject([
      { name: 'sql_query', kind: 'builtin', capabilities: ['sql', 'query', 'data'], domain: null },
    ]);
    expect(desk.models).toMatchObject([{ name: 'fast', model: 'gpt-5-mini' }]);
    expect(resolved.workflows.nightly.members.map(({ name }: { name: string }) => name)).toEqual([
      'analyst',
      'desk',
    ]);
    const { max_steps, max_tokens } = await tenant.one(
      `select max_steps, max_tokens from howdah.agents where id = howdah.agent('desk')`,
    );
    expect([max_steps, Number(max_tokens)]).toEqual([12, 40000]);
  });

  test('with an alias, without prices, changes nothing when repeated', async () => {
    const tenant = await newTenant(database.pool);
    const file = {
      version: 'v1',
      name: 'priced',
      models: {
        aliased: { provider: 'openai', model: 'gpt54-mini' },
        own: { provider: 'openai', model: 'gpt-5-mini', context_tokens: 9000, output_price: 3 },
      },
      agents: { one: { mission: 'Do.', models: ['aliased', 'own'] } },
    };
    await tenant.apply(file);
    expect(changes(await tenant.apply(file))).toEqual([]);
    expect(await tenant.export('priced')).toEqual({
      ...file,
      models: { ...file.models, aliased: { provider: 'openai', model: 'gpt-5.4-mini' } },
    });
    const rows = await tenant.all(
      `select name, input_price::float8, context_tokens, prices_from is not null as is_known
       from howdah.models where tenant_id = $1 and name in ('aliased', 'own') order by name`,
      tenant.tenant,
    );
    expect(rows).toEqual([
      { name: 'aliased', input_price: 0.75, context_tokens: 400_000, is_known: true },
      { name: 'own', input_price: null, context_tokens: 9000, is_known: false },
    ]);
    await tenant.apply({ ...file, models: { ...file.models, own: file.models.aliased } });
    expect(await tenant.export('priced')).toMatchObject({
      models: { own: { provider: 'openai', model: 'gpt-5.4-mini' } },
    });
  });

  test('with another name of a vendor and an alias changes nothing when repeated', async () => {
    const tenant = await newTenant(database.pool);
    const base_url = 'https://gateway.example.com/v1';
    const models = { smart: { provider: 'Claude', model: 'sonnet', base_url } };
    const file = system('sonnets', { models, agents: { one: { model: 'smart' } } });
    await tenant.apply(file);
    const row = `select provider, model, xmin from howdah.models where name = 'smart' and tenant_id = $1`;
    const written = await tenant.one(row, tenant.tenant);
    expect(written).toMatchObject({ provider: 'anthropic', model: 'claude-sonnet-5' });
    expect(changes(await tenant.apply(file))).toEqual([]);
    const other = system('other', { models, agents: { two: { model: 'smart' } } });
    expect(changes(await tenant.apply(other))).toEqual(['create system other', 'create agent two']);
    expect(await tenant.one(row, tenant.tenant)).toEqual(written);
  });

  test('changes nothing and creates no version when repeated', async () => {
    const tenant = await newTenant(database.pool);
    const first = await tenant.apply(HELPDESK);
    const versions =
      'select count(*)::int as n, max(updated_at) as at from howdah.agents where tenant_id = $1';
    const before = await tenant.one(versions, tenant.tenant);
    const log = await tenant.one(
      'select count(*)::int as n from howdah.audit_log where tenant_id = $1',
      tenant.tenant,
    );
    const second = await tenant.apply(`# a comment\n${HELPDESK}`, { prune: true });
    expect(changes(second)).toEqual([]);
    expect(second).toMatchObject({ id: first.id, version: 1, digest: first.digest });
    expect(await tenant.one(versions, tenant.tenant)).toEqual(before);
    expect(
      await tenant.one(
        'select count(*)::int as n from howdah.audit_log where tenant_id = $1',
        tenant.tenant,
      ),
    ).toEqual(log);
  });

  test('stores the previous state as a version', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(HELPDESK);
    const plan = await tenant.apply(HELPDESK.replace('Answer with SQL.', 'Answer with figures.'));
    expect(changes(plan)).toEqual(['change agent analyst']);
    expect(plan.version).toBe(2);
    const rows = await tenant.all(
      `select version, source, resolved #>> '{agents,analyst,final_system_prompt}' as prompt
       from howdah.agent_system_versions where agent_system_id = $1 order by version`,
      plan.id,
    );
    expect(rows).toMatchObject([
      { version: 1, source: HELPDESK, prompt: 'Answer with SQL.' },
      { version: 2, prompt: 'Answer with figures.' },
    ]);
    await expect(tenant.all('delete from howdah.agent_system_versions')).rejects.toMatchObject({
      code: 'HWDEN',
    });
  });

  test('resolves the prompt that a model is sent', async () => {
    const tenant = await newTenant(database.pool);
    for (const agent of [
      { mission: 'Do it.', system_prompt: 'Be kind.' },
      { mission: 'Do it.' },
      { system_prompt: 'Be kind.' },
      { mission: 'Do it.', system_prompt: '' },
      {},
    ]) {
      await tenant.apply(system('prompts', { agents: { one: agent } }));
      const { prompt, definition } = await tenant.one(
        `select s.resolved #>> '{agents,one,final_system_prompt}' as prompt, v.definition
         from howdah.agent_systems as s, howdah.agents as a join howdah.agent_versions as v on v.id = a.current_version_id
         where a.id = howdah.agent('one') and s.tenant_id = a.tenant_id`,
      );
      const state = { history: [], messages: [] } as never;
      expect(prompt).toBe(buildMessages(definition, state)[0]?.content ?? '');
    }
  });

  test('reports the same plan and writes nothing in a dry run', async () => {
    const tenant = await newTenant(database.pool);
    const dry = await tenant.apply(HELPDESK, { dryRun: true });
    expect(
      await tenant.all('select name from howdah.agent_systems where tenant_id = $1', tenant.tenant),
    ).toEqual([]);
    expect(
      await tenant.all(
        `select name from howdah.agents where tenant_id = $1 and name <> 'development'`,
        tenant.tenant,
      ),
    ).toEqual([]);
    const wet = await tenant.apply(HELPDESK);
    expect(dry.objects).toEqual(wet.objects);
    expect([dry.digest, dry.dry_run, wet.dry_run]).toEqual([wet.digest, true, false]);
  });

  test('writes nothing when it fails midway', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(
      system('other', { workflows: { nightly: { type: 'chain', members: ['development'] } } }),
    );
    const { code, lines } = await faultsOf(tenant.apply(HELPDESK));
    expect(code).toBe('HWCNF');
    expect(lines).toEqual(['8:14 workflow "nightly" belongs to the agent system "other"']);
    expect(
      await tenant.all(
        `select name from howdah.models where tenant_id = $1 and name = 'fast'`,
        tenant.tenant,
      ),
    ).toEqual([]);
    expect(
      await tenant.all(
        `select name from howdah.agents where tenant_id = $1 and name = 'desk'`,
        tenant.tenant,
      ),
    ).toEqual([]);
  });

  test('with prune soft-deletes what the file no longer contains', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(HELPDESK);
    const less = system('shop-helpdesk', { agents: { desk: { mission: 'Answer.' } } });
    expect(changes(await tenant.apply(less))).toEqual([
      'change system shop-helpdesk',
      'change agent desk',
    ]);
    expect(changes(await tenant.apply(less))).toEqual([]);
    expect(changes(await tenant.apply(less, { prune: true }))).toEqual([
      'delete model fast',
      'delete agent analyst',
      'delete workflow nightly',
    ]);
    expect(changes(await tenant.apply(less, { prune: true }))).toEqual([]);
    expect(
      await tenant.all(
        `select name from howdah.agents where tenant_id = $1 and deleted_at is not null`,
        tenant.tenant,
      ),
    ).toEqual([{ name: 'analyst' }]);
    expect(
      await tenant.all(
        `select name from howdah.tools where tenant_id = $1 and kind = 'agent'`,
        tenant.tenant,
      ),
    ).toEqual([]);
    expect(changes(await tenant.apply(HELPDESK))).toContain('create agent analyst');
  });

  test('with prune deletes teams before their members, and keeps members of other teams', async () => {
    const tenant = await newTenant(database.pool);
    const team = (member: string) => ({ type: 'chain', members: [member] });
    const names = ['a_inner', 'b_middle', 'c_outer'];
    await tenant.apply(
      system('base', {
        agents: { hand: {} },
        workflows: {
          a_inner: team('hand'),
          b_middle: { type: 'chain', members: [{ workflow: 'a_inner' }] },
          c_outer: { type: 'chain', members: [{ workflow: 'b_middle' }] },
        },
      }),
    );
    await tenant.all(
      `with own as (insert into howdah.workflows (name, type) values ('own', 'chain') returning id)
       insert into howdah.workflow_agents (workflow_id, member_workflow_id) select id, howdah.workflow('c_outer') from own`,
    );
    const prune = () => tenant.apply(system('base', {}), { prune: true });
    await expect(prune()).rejects.toMatchObject({
      code: 'HWCNF',
      message: expect.stringContaining("workflow 'c_outer' is a member of own"),
    });
    await tenant.all(`select howdah.delete_workflow(howdah.workflow('own'))`);
    expect(changes(await prune()).sort()).toEqual([
      'delete agent hand',
      ...names.map((name) => `delete workflow ${name}`),
    ]);
  });

  test('with prune releases a tool that others use', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(system('base', { tools: { find: { kind: 'custom' } } }));
    await tenant.apply(system('shop', { agents: { desk: { tools: { allow: ['find'] } } } }));
    const prune = () => tenant.apply(system('base', {}), { prune: true });
    expect(changes(await prune())).toEqual(['change tool find']);
    expect(changes(await prune())).toEqual([]);
    expect(await tenant.export(null)).toMatchObject({ tools: { find: { kind: 'custom' } } });
  });

  test('with prune leaves parts it does not own, even the first time', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.all(`insert into howdah.agents (name) values ('hand')`);
    await tenant.apply(
      system('other', { agents: { theirs: {} }, tools: { find: { kind: 'custom' } } }),
    );
    for (const _ of [1, 2]) {
      const plan = await tenant.apply(HELPDESK, { prune: true });
      expect(changes(plan).filter((change) => change.startsWith('delete'))).toEqual([]);
    }
    const names = await tenant.all(
      'select name from howdah.agents where tenant_id = $1 and deleted_at is null order by name',
      tenant.tenant,
    );
    expect(names.map(({ name }) => name)).toEqual([
      'analyst',
      'desk',
      'development',
      'hand',
      'theirs',
    ]);
  });

  test('swaps two workflows', async () => {
    const tenant = await newTenant(database.pool);
    const teams = (outer: string, inner: string) =>
      system('teams', {
        workflows: {
          [outer]: { type: 'chain', members: [{ workflow: inner }] },
          [inner]: { type: 'chain', members: ['development'] },
        },
      });
    await tenant.apply(teams('a', 'b'));
    expect(changes(await tenant.apply(teams('b', 'a')))).toEqual([
      'change workflow a',
      'change workflow b',
    ]);
    await tenant.apply(teams('a', 'b'));
  });

  test('moves an alias from one tool to another', async () => {
    const tenant = await newTenant(database.pool);
    const tools = (a: string[], b: string[]) =>
      system('tools', {
        tools: { a: { kind: 'custom', aliases: a }, b: { kind: 'custom', aliases: b } },
      });
    await tenant.apply(tools([], ['find']));
    expect(changes(await tenant.apply(tools(['find'], [])))).toEqual([
      'change tool a',
      'change tool b',
    ]);
  });
});

describe('names', () => {
  test('of another system are rejected, and an identical model is shared', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(HELPDESK);
    const models = { fast: { provider: 'openai', model: 'gpt-5-mini' } };
    const plan = await tenant.apply(system('b', { models, agents: { other: { model: 'fast' } } }));
    expect(changes(plan)).toEqual(['create system b', 'create agent other']);
    const taken = await faultsOf(
      tenant.apply(
        system('b', { models: { fast: { provider: 'openai', model: 'x' } }, agents: { desk: {} } }),
      ),
    );
    expect(taken.code).toBe('HWCNF');
    expect(taken.faults.map(({ path, message }) => [path, message])).toEqual([
      ['/models/fast', 'model "fast" belongs to the agent system "shop-helpdesk"'],
      ['/agents/desk', 'agent "desk" belongs to the agent system "shop-helpdesk"'],
    ]);
    // It is deleted once nothing refers to it.
    await tenant.apply(system('shop-helpdesk', {}), { prune: true });
    expect(
      await tenant.one(
        `select agent_system_id from howdah.models where name = 'fast' and tenant_id = $1`,
        tenant.tenant,
      ),
    ).toEqual({ agent_system_id: null });
  });

  test('without an owner are taken over', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.all(
      `insert into howdah.agents (name, instruction) values ('hand', 'Made by hand.')`,
    );
    const plan = await tenant.apply(
      system('b', { agents: { hand: { mission: 'Made by hand.' } } }),
    );
    expect(changes(plan)).toEqual(['create system b', 'change agent hand']);
  });

  test('may be aliases of tools', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(
      system('b', {
        tools: { lookup: { kind: 'custom', aliases: ['search'] } },
        agents: { one: { tools: { allow: ['search'] } } },
      }),
    );
    expect(await tenant.export('b')).toMatchObject({
      agents: { one: { tools: { allow: ['lookup'] } } },
    });
  });

  test('of an agent that was deleted and created again resolve to the new one', async () => {
    const tenant = await newTenant(database.pool);
    const both = system('b', { agents: { chief: { agents: ['scout'] }, scout: {} } });
    await tenant.apply(both);
    await tenant.all(`select howdah.delete_agent(howdah.agent('scout'))`);
    await tenant.apply(both);
    expect(
      await tenant.one(
        `select agent_id = howdah.agent('scout') as is_new from howdah.tools where name = 'agent__scout' and tenant_id = $1`,
        tenant.tenant,
      ),
    ).toEqual({ is_new: true });
  });
});

describe('permissions', () => {
  const as = (tenant: string, role: string, text: string, values: unknown[] = []) =>
    asRole(
      database.pool,
      'howdah_app',
      { 'howdah.tenant_id': tenant, 'howdah.role': role },
      (client) => client.query(text, values),
    );

  test('a member may neither apply nor read systems', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(HELPDESK);
    const document = [JSON.stringify(system('mine', { agents: { mine: {} } }))];
    const apply = 'select howdah.apply_agent_system($1)';
    await expect(as(tenant.tenant, 'member', apply, document)).rejects.toMatchObject({
      code: 'HWDEN',
    });
    await expect(
      as(tenant.tenant, 'member', `select howdah.export_agent_system('shop-helpdesk')`),
    ).rejects.toMatchObject({ code: 'HWDEN' });
    expect((await as(tenant.tenant, 'member', 'select * from howdah.agent_systems')).rows).toEqual(
      [],
    );
    expect((await as(tenant.tenant, 'admin', apply, document)).rows).toHaveLength(1);
    expect(
      (await as(tenant.tenant, 'admin', 'select name from howdah.agent_systems')).rows,
    ).toEqual([{ name: 'shop-helpdesk' }]);
  });

  test('an admin may not create SQL tools or use a private address', async () => {
    const tenant = await makeTenant(database.pool);
    const text = 'select howdah.apply_agent_system($1)';
    const sql = { tools: { moment: { kind: 'sql', function: 'pg_catalog.now()' } } };
    const private_ = {
      models: { near: { provider: 'openai', model: 'x', base_url: 'http://127.0.0.1:8080/v1' } },
    };
    for (const rest of [sql, private_]) {
      await expect(
        as(tenant, 'admin', text, [JSON.stringify(system('x', rest))]),
      ).rejects.toMatchObject({ code: 'HWDEN' });
    }
  });

  test('direct writes by an admin change no system and take no ownership', async () => {
    const tenant = await newTenant(database.pool);
    const { id } = await tenant.apply(HELPDESK);
    await expect(
      as(tenant.tenant, 'admin', `update howdah.agent_systems set digest = ''`),
    ).rejects.toMatchObject({ code: '42501' });
    await expect(
      as(tenant.tenant, 'admin', 'update howdah.agents set agent_system_id = $1', [id]),
    ).rejects.toMatchObject({ code: '42501' });
  });
});

test('the agent and workflow that every tenant starts with are released, not deleted', async () => {
  const tenant = await newTenant(database.pool);
  const head = 'version: v1\nname: all\n';
  await tenant.apply(
    `${head}agents: { development: { mission: Mine. }, other: { mission: Help. } }\nworkflows: { manager: { type: router, members: [other] } }\n`,
  );
  await tenant.apply(`${head}agents: { other: { mission: Help. } }\n`, { prune: true });
  expect(
    await tenant.all(
      `select name, agent_system_id from howdah.agents where tenant_id = $1 and name = 'development' and deleted_at is null
       union all select name, agent_system_id from howdah.workflows where tenant_id = $1 and name = 'manager' and deleted_at is null
       order by 1`,
      tenant.tenant,
    ),
  ).toEqual([
    { name: 'development', agent_system_id: null },
    { name: 'manager', agent_system_id: null },
  ]);
});

test('workflow configuration is accepted beside its type or under configuration', async () => {
  const tenant = await newTenant(database.pool);
  const file = (graph: string, chain: string) =>
    `version: v1\nname: x\nagents: { a: { mission: Help. }, b: { mission: Help. } }\nworkflows:\n` +
    `  g: { type: graph, members: [a, b], ${graph} }\n  c: { type: chain, members: [a], ${chain} }\n`;
  const graph = `start: a, edges: [{ from: a, to: b, when: "output == 'red'" }]`;
  const under = file(`configuration: { ${graph} }`, 'configuration: { cumulative: true }');
  const first = await tenant.apply(under);
  const again = await tenant.apply(file(graph, 'cumulative: true'));
  expect(changes(first)).toContain('create workflow g');
  expect([changes(again), again.digest]).toEqual([[], first.digest]);
  expect(changes(await tenant.apply(under))).toEqual([]);
  const exported = await tenant.export('x');
  expect(exported.workflows).toMatchObject({
    g: { start: 'a', edges: [{ from: 'a', to: 'b', when: "output == 'red'" }] },
    c: { cumulative: true },
  });
  expect(changes(await tenant.apply(JSON.stringify(exported)))).toEqual([]);
});

test('a workflow that no run could start causes a warning', async () => {
  const tenant = await newTenant(database.pool);
  const plan = await tenant.apply(
    `version: v1\nname: x\nagents: { a: { mission: Help. } }\nworkflows:\n  empty: { type: chain, members: [] }\n  lost: { type: graph, members: [a], start: a, edges: [{ from: a, to: nobody }] }\n`,
  );
  expect(plan.warnings).toEqual([
    expect.stringMatching(/^workflow empty cannot run: .*none/),
    expect.stringMatching(/^workflow lost cannot run: .*nobody/),
  ]);
});
