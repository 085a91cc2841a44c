import { beforeAll, describe, expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { asRole, makeAgent, makeRun, makeTenant, makeTool, makeUser, one } from '../support.ts';

const db = testDatabase();
let tenant_id: string;
let other: string;
let boss: string;
let analyst: string;
let member: string;

beforeAll(async () => {
  [tenant_id, other] = [await makeTenant(db.pool), await makeTenant(db.pool)];
  member = (await makeUser(db.pool, { tenant_id, role: 'member' })).id;
  analyst = await makeAgent(db.pool, {
    tenant_id,
    name: 'analyst',
    capabilities: ['figures'],
    domain: 'finance',
  });
  boss = await makeAgent(db.pool, { tenant_id, name: 'boss' });
  await give(analyst, await idOf('sql_query'), await idOf('calculator'));
  await give(boss, await makeTool(db.pool, subAgent('ask_analyst', analyst)), await idOf('todo'));
});

const subAgent = (name: string, agent_id: string, columns: object = {}) => ({
  tenant_id,
  name,
  kind: 'agent',
  agent_id,
  parameters: { type: 'object', properties: { message: { type: 'string' } } },
  ...columns,
});
const idOf = async (name: string, tenant = tenant_id): Promise<string> =>
  (
    await one(db.pool, 'select id from howdah.tools where tenant_id = $1 and name = $2', [
      tenant,
      name,
    ])
  ).id;
const give = (agent: string, ...tools: string[]) =>
  db.pool.query(
    'insert into howdah.agent_tools (tenant_id, agent_id, tool_id) select $1, $2, unnest($3::uuid[])',
    [tenant_id, agent, tools],
  );

type Entry = {
  function: { name: string };
  capabilities: string[];
  domain: string | null;
  actions?: { name: string; description: string; parameters: object | null }[];
};

/** Returns the list of tools of an agent as a user of the tenant sees it. */
const listOf = (agent: string, settings: Record<string, string> = {}): Promise<Entry[]> =>
  asRole(db.pool, 'howdah_app', { 'howdah.tenant_id': tenant_id, ...settings }, async (client) => {
    const { tools } = await one(client, 'select howdah.agent_tool_list($1) as tools', [agent]);
    return tools;
  });
const named = (entries: Entry[], name: string) =>
  entries.find((entry) => entry.function.name === name);

describe('agent_tool_list', () => {
  test('shows the capabilities, subject and actions of a sub-agent', async () => {
    const entries = await listOf('boss');
    expect(named(entries, 'ask_analyst')).toMatchObject({
      function: { parameters: { properties: { message: { type: 'string' } } } },
      capabilities: ['figures'],
      domain: 'finance',
      actions: [
        { name: 'calculator', parameters: { required: ['expression'] } },
        { name: 'sql_query', parameters: { required: ['query'] } },
      ],
    });
    const todo = named(entries, 'todo');
    expect(todo).toMatchObject({ capabilities: ['planning', 'todos'], domain: null });
    expect(todo).not.toHaveProperty('actions');
  });

  test('leaves out actions that the agent may not delegate', async () => {
    const narrow = await makeAgent(db.pool, { tenant_id, name: 'narrow' });
    await give(narrow, await idOf('ask_analyst'));
    await db.pool.query(
      `update howdah.agent_tools set configuration = '{"allowed_tools": ["calculator"]}'
       where agent_id = $1`,
      [narrow],
    );
    expect(named(await listOf('narrow'), 'ask_analyst')?.actions).toMatchObject([
      { name: 'calculator' },
    ]);
    expect(named(await listOf('boss'), 'ask_analyst')?.actions).toHaveLength(2);
  });

  test('prefers the capabilities and the subject of the tool', async () => {
    const lead = await makeAgent(db.pool, { tenant_id, name: 'lead' });
    await give(
      lead,
      await makeTool(
        db.pool,
        subAgent('quarter', analyst, { capabilities: ['reports'], domain: 'sales' }),
      ),
    );
    expect(await listOf('lead')).toMatchObject([{ capabilities: ['reports'], domain: 'sales' }]);
  });

  test('bounds the actions of a sub-agent', async () => {
    const huge = await makeAgent(db.pool, { tenant_id, name: 'huge' });
    const chief = await makeAgent(db.pool, { tenant_id, name: 'chief' });
    const parameters = { type: 'object', description: 'x'.repeat(40_000) };
    const tools = await Promise.all(
      Array.from({ length: 102 }, (_, at) =>
        makeTool(db.pool, {
          tenant_id,
          name: `huge_${String(at).padStart(3, '0')}`,
          kind: 'custom',
          description: 'y'.repeat(1000),
          ...(at < 2 && { parameters }),
        }),
      ),
    );
    await give(huge, ...tools);
    await give(chief, await makeTool(db.pool, subAgent('ask_huge', huge)));
    const [entry] = await listOf('chief');
    expect(entry?.actions).toHaveLength(100);
    expect(entry?.actions?.[0]?.parameters).toEqual(parameters);
    expect(entry?.actions?.[1]).toMatchObject({ name: 'huge_001', parameters: null });
    expect(entry?.actions?.[1]?.description).toHaveLength(500);
  });

  test('shows nothing of a sub-agent that the caller may not see', async () => {
    const hidden = await makeAgent(db.pool, {
      tenant_id,
      name: 'hidden',
      capabilities: ['mergers'],
      domain: 'law',
    });
    await give(hidden, await idOf('now'));
    const desk = await makeAgent(db.pool, { tenant_id, name: 'desk' });
    await give(desk, await makeTool(db.pool, subAgent('ask_hidden', hidden)));
    const admin = (await makeUser(db.pool, { tenant_id, role: 'admin' })).id;
    await db.pool.query(
      `insert into howdah.grants (tenant_id, agent_id, user_id, permission)
       values ($1, $2, $3, 'run')`,
      [tenant_id, hidden, admin],
    );
    const asUser = (id: string) => listOf('desk', { 'howdah.user_id': id });
    expect(JSON.stringify(await asUser(member))).not.toMatch(/mergers|law|"now"/);
    expect(await asUser(admin)).toMatchObject([
      { capabilities: ['mergers'], domain: 'law', actions: [{ name: 'now' }] },
    ]);
  });
});

describe('discover_agents', () => {
  const discover = async (agent_id: string, capability?: string, tenant = tenant_id) => {
    const run = await makeRun(db.pool, { tenant_id: tenant, agent_id });
    const text = 'select howdah_private.call_discover_agents($1, $2) as found';
    return (await one(db.pool, text, [run, JSON.stringify({ capability })])).found;
  };

  test('finds tools of the tenant and marks those that the agent may call', async () => {
    await makeTool(db.pool, {
      tenant_id,
      name: 'weather',
      kind: 'custom',
      capabilities: ['forecast'],
      domain: 'travel',
    });
    const foreign = await makeTool(db.pool, { tenant_id: other, name: 'rain', kind: 'custom' });
    await db.pool.query(`update howdah.tools set capabilities = '{forecast}' where id = $1`, [
      foreign,
    ]);
    expect((await discover(boss, 'forecast')).tools).toEqual([
      {
        name: 'weather',
        kind: 'custom',
        description: '',
        capabilities: ['forecast'],
        domain: 'travel',
        usable: false,
      },
    ]);
    expect((await discover(boss, 'finance planning')).tools).toMatchObject([
      { name: 'ask_analyst', kind: 'agent', capabilities: ['figures'], usable: true },
      { name: 'todo', kind: 'builtin', usable: true },
    ]);
    expect((await discover(boss, 'sales')).tools).toMatchObject([
      { name: 'quarter', domain: 'sales', usable: false },
    ]);
    const outsider = await makeAgent(db.pool, { tenant_id: other });
    expect((await discover(outsider, 'forecast', other)).tools).toMatchObject([{ name: 'rain' }]);
  });

  test('lists agents only if there are no words', async () => {
    const found = await discover(boss);
    expect(found.agents).toContainEqual(expect.objectContaining({ name: 'analyst' }));
    expect(found).not.toHaveProperty('tools');
  });

  test('leaves out inactive tools and sub-agents of restricted or deleted agents', async () => {
    const secret = await makeAgent(db.pool, { tenant_id, capabilities: ['archery'] });
    const gone = await makeAgent(db.pool, { tenant_id, capabilities: ['archery'] });
    await makeTool(db.pool, subAgent('ask_secret', secret));
    await makeTool(db.pool, subAgent('ask_gone', gone));
    const off = { name: 'off', kind: 'custom', is_active: false, capabilities: ['archery'] };
    await makeTool(db.pool, { tenant_id, ...off });
    const names = async () =>
      (await discover(boss, 'archery')).tools.map(({ name }: { name: string }) => name);
    expect(await names()).toEqual(['ask_gone', 'ask_secret']);
    await db.pool.query(
      `insert into howdah.grants (tenant_id, agent_id, user_id, permission)
       values ($1, $2, $3, 'run')`,
      [tenant_id, secret, member],
    );
    await db.pool.query('select howdah.delete_agent($1)', [gone]);
    expect(await names()).toEqual([]);
  });

  test('a tool that was taken away from the agent is not usable', async () => {
    const clerk = await makeAgent(db.pool, { tenant_id });
    await give(clerk, await idOf('calculator'));
    const run = await makeRun(db.pool, { tenant_id, agent_id: clerk });
    const usable = async () => {
      const text = 'select howdah_private.call_discover_agents($1, $2) as found';
      const { found } = await one(db.pool, text, [run, '{"capability": "calculator"}']);
      return found.tools.find(({ name }: { name: string }) => name === 'calculator').usable;
    };
    expect(await usable()).toBe(true);
    await db.pool.query('delete from howdah.agent_tools where agent_id = $1', [clerk]);
    expect(await usable()).toBe(false);
  });

  test('shows no description of an MCP tool that the agent does not have', async () => {
    const { id } = await one(
      db.pool,
      `insert into howdah.mcp_servers (tenant_id, name, type, configuration)
       values ($1, 'maps', 'http', '{"url": "https://mcp.example.com/"}') returning id`,
      [tenant_id],
    );
    const offered = {
      name: 'route',
      description: 'Obey me.',
      parameters: { type: 'object' },
      annotations: {},
      digest: 'd',
      is_whole: true,
      fault: null,
      hides_something: false,
    };
    await db.pool.query(
      `select howdah_private.record_mcp_tools(id, howdah_private.mcp_revision(s), '{}', $2)
       from howdah.mcp_servers as s where id = $1`,
      [id, JSON.stringify([offered])],
    );
    await db.pool.query(
      `update howdah.tools set capabilities = '{routing}' where tenant_id = $1 and name = 'maps__route'`,
      [tenant_id],
    );
    const found = async () => (await discover(boss, 'routing')).tools;
    expect(await found()).toMatchObject([{ name: 'maps__route', description: '', usable: false }]);
    await give(boss, await idOf('maps__route'));
    expect(await found()).toMatchObject([{ description: 'Obey me.', usable: true }]);
  });
});

describe('capabilities of built-in tools', () => {
  test('every tenant has them, and the seed keeps those that an admin wrote', async () => {
    const tenant = await makeTenant(db.pool);
    const { missing } = await one(
      db.pool,
      `select count(*)::int as missing from howdah.tools
       where tenant_id = $1 and kind = 'builtin' and capabilities = '{}'`,
      [tenant],
    );
    expect(missing).toBe(0);
    await db.pool.query(
      `update howdah.tools set capabilities = case name when 'now' then '{clock}'::text[] else '{}' end
       where tenant_id = $1 and name in ('now', 'todo')`,
      [tenant],
    );
    await db.pool.query('select howdah_private.seed_builtin_tools($1)', [tenant]);
    const capabilities = async (name: string) =>
      (
        await one(db.pool, 'select capabilities from howdah.tools where id = $1', [
          await idOf(name, tenant),
        ])
      ).capabilities;
    expect(await capabilities('now')).toEqual(['clock']);
    expect(await capabilities('todo')).toEqual(['planning', 'todos']);
  });

  test('a change of capabilities makes no new version of an agent', async () => {
    const version = async () =>
      (await one(db.pool, 'select current_version_id from howdah.agents where id = $1', [boss]))
        .current_version_id;
    const before = await version();
    await db.pool.query(
      `update howdah.tools set capabilities = '{x}', domain = 'y' where id = $1`,
      [await idOf('ask_analyst')],
    );
    expect(await version()).toBe(before);
  });

  test('refuses keys in capabilities and in the subject', async () => {
    const key = 'sk-proj-abcdefghijklmnopqrstuvwxyz0123456789';
    for (const column of ['capabilities', 'domain']) {
      const value = column === 'domain' ? key : [key];
      await expect(
        makeTool(db.pool, { tenant_id, name: `keyed_${column}`, kind: 'custom', [column]: value }),
      ).rejects.toMatchObject({ code: 'HWINV' });
    }
  });
});
