import { describe, expect, test } from 'vitest';
import { buildMessages } from '../../src/runtime/messages/build-messages.ts';
import { fillPromptTemplate } from '../../src/runtime/messages/fill-prompt-template.ts';
import { eventually, testDatabase } from '../support/database.ts';
import { changes, faultsOf, newTenant, type TenantInterfaces } from './support.ts';

const database = testDatabase();

const serve = {
  template: 'Serve {{customer}}, in a {{tone}} way.',
  variables: {
    customer: { type: 'string' },
    tone: { type: 'string', enum: ['kind', 'strict'], default: 'kind' },
  },
};
const refunds = { description: 'Before you promise money.', content: '# Refunds\n\nUp to 50.' };
const parcels = { description: 'Where parcels are.', content: 'Ask the carrier.' };
const desk = {
  mission: 'Answer.',
  system_prompt: 'Be true.',
  prompt: 'serve',
  prompt_values: { tone: 'strict' },
  skills: ['refunds', 'parcels'],
};
const shop = (rest: object = {}) => ({
  version: 'v1',
  name: 'shop',
  prompts: { serve },
  skills: { parcels, refunds },
  agents: { desk },
  ...rest,
});

const owner = ({ one, tenant }: TenantInterfaces, table: 'prompts' | 'skills', name: string) =>
  one(
    `select s.name as owner, t.deleted_at is not null as is_deleted from howdah.${table} as t
     left join howdah.agent_systems as s on s.id = t.agent_system_id where t.name = $1 and t.tenant_id = $2`,
    name,
    tenant,
  );

describe('prompts and skills of a file', () => {
  test('are created with their agents, belong to the system and are exported', async () => {
    const tenant = await newTenant(database.pool);
    expect(changes(await tenant.apply(shop()))).toEqual([
      'create system shop',
      'create prompt serve',
      'create skill parcels',
      'create skill refunds',
      'create agent desk',
    ]);
    expect(await owner(tenant, 'prompts', 'serve')).toEqual({ owner: 'shop', is_deleted: false });
    expect(await owner(tenant, 'skills', 'parcels')).toEqual({ owner: 'shop', is_deleted: false });
    expect(await tenant.export('shop')).toEqual(shop());
    expect(changes(await tenant.apply(shop(), { prune: true }))).toEqual([]);
  });

  test('create one version each, and one of their agent, however much of them changes', async () => {
    const tenant = await newTenant(database.pool);
    const versions = () =>
      tenant.one(
        `select (select count(*)::int from howdah.prompt_versions where tenant_id = $1) as prompts,
           (select count(*)::int from howdah.skill_versions where tenant_id = $1) as skills,
           (select count(*)::int from howdah.agent_versions where agent_id = howdah.agent('desk')) as agents`,
        tenant.tenant,
      );
    await tenant.apply(shop());
    expect(await versions()).toEqual({ prompts: 1, skills: 2, agents: 1 });
    const other = shop({
      prompts: { serve: { ...serve, template: 'Serve {{customer}} {{tone}}.' } },
      skills: { parcels, refunds: { ...refunds, content: 'Up to 60.' } },
      agents: { desk: { ...desk, prompt_values: {}, skills: ['parcels', 'refunds'] } },
    });
    expect(changes(await tenant.apply(other))).toEqual([
      'change prompt serve',
      'change skill refunds',
      'change agent desk',
    ]);
    expect(await versions()).toEqual({ prompts: 2, skills: 3, agents: 2 });
  });

  test('may change together with the values that agents set for them', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    const renamed = { template: '{{style}}', variables: { style: { type: 'integer' } } };
    const other = shop({
      prompts: { serve: renamed },
      agents: { desk: { ...desk, prompt_values: { style: 3 } } },
    });
    expect(changes(await tenant.apply(other))).toEqual([
      'change prompt serve',
      'change agent desk',
    ]);
    expect(await tenant.export('shop')).toEqual(other);
    await tenant.apply(shop());
    expect(await tenant.export('shop')).toEqual(shop());
  });

  test('that no longer fit an agent outside the file are rejected, and nothing is written', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    await tenant.all(
      `insert into howdah.agents (name, prompt_id, prompt_values) values ('hand', howdah.prompt('serve'), '{"tone": "kind"}')`,
    );
    const { faults } = await faultsOf(
      tenant.apply(
        shop({ prompts: { serve: { template: 'Serve.' } }, agents: { desk: { prompt: 'serve' } } }),
      ),
    );
    expect(faults).toMatchObject([
      { path: '/prompts/serve', message: expect.stringContaining('prompt_values of agent hand') },
    ]);
    expect(await tenant.export('shop')).toEqual(shop());
  });

  test('are removed from an agent that no longer names them', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    const bare = shop({ agents: { desk: { mission: 'Answer.' } } });
    expect(changes(await tenant.apply(bare))).toEqual(['change agent desk']);
    expect(await tenant.export('shop')).toEqual(bare);
  });

  test('that exist in another system may be named, but not redefined', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply({ ...shop(), name: 'base', agents: {} });
    const plan = await tenant.apply({ version: 'v1', name: 'shop', agents: { desk } });
    expect(changes(plan)).toEqual(['create system shop', 'create agent desk']);
    expect(await owner(tenant, 'prompts', 'serve')).toMatchObject({ owner: 'base' });
    const { code, faults } = await faultsOf(tenant.apply(shop()));
    expect(code).toBe('HWCNF');
    expect(faults.map(({ path, message }) => [path, message])).toEqual([
      ['/prompts/serve', 'prompt "serve" belongs to the agent system "base"'],
      ['/skills/parcels', 'skill "parcels" belongs to the agent system "base"'],
      ['/skills/refunds', 'skill "refunds" belongs to the agent system "base"'],
    ]);
  });

  test('are soft-deleted by a prune, or released while another agent uses them', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    await tenant.all(
      `insert into howdah.agent_skills (agent_id, skill_id)
       select id, howdah.skill('parcels') from howdah.agents where name = 'development' and tenant_id = $1`,
      tenant.tenant,
    );
    const empty = { version: 'v1', name: 'shop' };
    expect(changes(await tenant.apply(empty))).toEqual([]);
    expect(changes(await tenant.apply(empty, { prune: true }))).toEqual([
      'delete prompt serve',
      'change skill parcels',
      'delete skill refunds',
      'delete agent desk',
    ]);
    expect(await owner(tenant, 'prompts', 'serve')).toMatchObject({ is_deleted: true });
    expect(await owner(tenant, 'skills', 'refunds')).toMatchObject({ is_deleted: true });
    expect(await owner(tenant, 'skills', 'parcels')).toEqual({ owner: null, is_deleted: false });
    expect(await tenant.export('shop')).toEqual(empty);
    expect(changes(await tenant.apply(shop()))).toContain('create prompt serve');
  });
});

describe('a resolved prompt', () => {
  const resolved = async (tenant: TenantInterfaces) =>
    tenant.one(
      `select s.resolved #> '{agents,desk}' as desk, v.definition
       from howdah.agent_systems as s, howdah.agents as a join howdah.agent_versions as v on v.id = a.current_version_id
       where a.id = howdah.agent('desk') and s.tenant_id = a.tenant_id`,
    );
  const promptOf = (definition: never) =>
    buildMessages(fillPromptTemplate(definition, {}), { history: [], messages: [] } as never)[0]
      ?.content;

  test.each([
    [
      'with a prompt, skills and a mission',
      { ...desk, prompt_values: { customer: 'Ada {{tone}}' } },
    ],
    ['with a prompt only', { prompt: 'serve', prompt_values: { customer: 'Ada' } }],
    ['with skills only', { skills: ['parcels'] }],
    ['with skills but no tool to read them', { skills: ['dormant'], mission: 'Answer.' }],
    [
      'with another engine',
      {
        ...desk,
        prompt_values: { customer: 'Ada' },
        engine: 'custom',
        engine_configuration: { function: 'answer' },
      },
    ],
  ])('equals what the runtime sends an agent: %s', async (_what, agent) => {
    const tenant = await newTenant(database.pool);
    const dormant = { ...parcels, is_active: false };
    await tenant.apply(shop({ skills: { parcels, refunds, dormant }, agents: { desk: agent } }));
    const { desk: one, definition } = await resolved(tenant);
    expect(one.final_system_prompt).toBe(promptOf(definition as never));
  });

  test('contains a placeholder where a run has to supply a value', async () => {
    const tenant = await newTenant(database.pool);
    const plan = await tenant.apply(shop());
    const { desk: one } = await resolved(tenant);
    expect(one.final_system_prompt).toBe(
      [
        'Be true.',
        'Serve {{customer}}, in a strict way.',
        'Answer.',
        'Your skills. Read one by load_skill before you do what it is about:\n- refunds: Before you promise money.\n- parcels: Where parcels are.',
      ].join('\n\n'),
    );
    expect(one.tools.map(({ name }: { name: string }) => name)).toEqual(['load_skill']);
    expect((await tenant.apply(shop())).digest).toBe(plan.digest);
  });
});

test('an apply and a manual edit of an agent and its prompt do not deadlock', async () => {
  const tenant = await newTenant(database.pool);
  await tenant.apply(shop({ agents: { desk: { mission: 'Answer.' } } }));
  const { applied } = await tenant.inside(async (hand) => {
    // The manual edit updates the row of the agent, then its prompt.
    const edit = (set: string) =>
      hand.query(`update howdah.agents set ${set} where id = howdah.agent('desk')`);
    await edit(`instruction = 'By hand.'`);
    const { pid } = (await hand.query('select pg_backend_pid() as pid')).rows[0];
    const applied = tenant.apply(
      shop({ prompts: { serve: { ...serve, description: 'Edited.' } } }),
    );
    applied.catch(() => undefined);
    await eventually(
      database.pool,
      'an apply that waits',
      'select pid from pg_stat_activity where $1 = any (pg_blocking_pids(pid))',
      [pid],
    );
    await edit(`prompt_id = howdah.prompt('serve')`);
    return { applied };
  });
  await applied;
  expect(await tenant.export('shop')).toMatchObject({
    prompts: { serve: { description: 'Edited.' } },
    agents: { desk },
  });
});
