import type pg from 'pg';
import { describe, expect, test } from 'vitest';
import type { ApplyOptions, Plan } from '../../src/db/access/agent-systems.ts';
import { applySystems } from '../../src/systems/apply.ts';
import { asRole } from '../sql/support.ts';
import { testDatabase } from '../support/database.ts';
import { changes, faultsOf, newTenant, type TenantInterfaces } from './support.ts';

const database = testDatabase();

const search = { type: 'http', url: 'https://mcp.example.org/mcp', headers: { 'X-Team': 'shop' } };
const files = { type: 'stdio', command: 'files', args: ['/srv'], env: { LEVEL: 'debug' } };
const shop = (rest: object = {}) => ({
  version: 'v1',
  name: 'shop',
  mcp_servers: { files, search },
  agents: {
    desk: { mission: 'Answer.', servers: { files: {}, search: { allowed_tools: ['find'] } } },
  },
  ...rest,
});

const stored = ({ one: row, tenant }: TenantInterfaces, name: string) =>
  row(
    `select s.type, s.configuration, s.description, s.is_active, o.name as owner from howdah.mcp_servers as s
     left join howdah.agent_systems as o on o.id = s.agent_system_id where s.name = $1 and s.tenant_id = $2`,
    name,
    tenant,
  );
const serversOf = async ({ all, tenant }: TenantInterfaces) =>
  all(
    `select s.name, g.allowed_tools from howdah.agent_servers as g join howdah.mcp_servers as s on s.id = g.server_id
     where g.tenant_id = $1 order by s.name`,
    tenant,
  );
const jobs = async ({ one: row, tenant }: TenantInterfaces) =>
  Number(
    (
      await row(
        `select coalesce(sum(j.revision), 0) as n from graphile_worker._private_jobs as j
         where j.payload ->> 'tenant_id' = $1`,
        tenant,
      )
    ).n,
  );
/** Runs statements as an admin of the tenant who does not own the database. */
const byAdmin = (
  interfaces: TenantInterfaces,
  text: string,
  options?: ApplyOptions,
): Promise<Plan> =>
  asRole(
    database.pool,
    'howdah_app',
    { 'howdah.tenant_id': interfaces.tenant, 'howdah.role': 'admin' },
    async (client: pg.PoolClient) => {
      const plans = await applySystems(client, [{ name: 'system.yaml', text }], options);
      return plans[0] as Plan;
    },
  );

describe('MCP servers of a file', () => {
  test('are created with their agents, belong to the system and are exported', async () => {
    const tenant = await newTenant(database.pool);
    const dry = await tenant.apply(shop(), { dryRun: true });
    expect(changes(dry)).toEqual([
      'create system shop',
      'create mcp_server files',
      'create mcp_server search',
      'create agent desk',
    ]);
    expect(await jobs(tenant)).toBe(0);
    expect(changes(await tenant.apply(shop()))).toEqual(changes(dry));
    const { type, ...configuration } = files;
    expect(await stored(tenant, 'files')).toEqual({
      type,
      configuration,
      description: '',
      is_active: true,
      owner: 'shop',
    });
    expect(await serversOf(tenant)).toEqual([
      { name: 'files', allowed_tools: null },
      { name: 'search', allowed_tools: ['find'] },
    ]);
    expect(await tenant.export('shop')).toEqual(shop());
    expect(changes(await tenant.apply(shop(), { prune: true }))).toEqual([]);
  });

  test('are updated from the file, and discovered again only when their connection changes', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    const jobsBefore = await jobs(tenant);
    const described = shop({
      mcp_servers: { files: { ...files, description: 'Of files.' }, search },
    });
    expect(changes(await tenant.apply(described))).toEqual(['change mcp_server files']);
    expect(await jobs(tenant)).toBe(jobsBefore);
    const moved = shop({ mcp_servers: { files: search, search: { ...search, is_active: false } } });
    expect(changes(await tenant.apply(moved))).toEqual([
      'change mcp_server files',
      'change mcp_server search',
    ]);
    expect(await jobs(tenant)).toBeGreaterThan(jobsBefore);
    expect(await tenant.export('shop')).toEqual(moved);
  });

  test('are assigned to an agent, all or some, and removed from it', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    for (const servers of [
      ['files', 'search'],
      { files: { allowed_tools: [] }, search: {} },
      ['search'],
      undefined,
    ]) {
      const other = shop({ agents: { desk: { mission: 'Answer.', ...(servers && { servers }) } } });
      expect(changes(await tenant.apply(other))).toEqual(['change agent desk']);
      expect(await tenant.export('shop')).toEqual(other);
    }
    expect(await serversOf(tenant)).toEqual([]);
  });

  test('from presets become the well-known commands', async () => {
    const tenant = await newTenant(database.pool);
    const text = `version: v1
name: presets
mcp_servers: { docs: { type: filesystem, args: [/srv/docs, /srv/more] }, web: { type: fetch, description: Reads pages. } }
`;
    await tenant.apply(text);
    const exported = {
      version: 'v1',
      name: 'presets',
      mcp_servers: {
        docs: {
          type: 'stdio',
          command: 'npx',
          args: ['-y', '@modelcontextprotocol/server-filesystem', '/srv/docs', '/srv/more'],
        },
        web: {
          type: 'stdio',
          command: 'uvx',
          args: ['mcp-server-fetch'],
          description: 'Reads pages.',
        },
      },
    };
    expect(await tenant.export('presets')).toEqual(exported);
    expect(changes(await tenant.apply(text))).toEqual([]);
    expect(changes(await tenant.apply(exported))).toEqual([]);
  });

  test('are rejected for a system that does not own them, which may still use them', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply({ ...shop({ agents: {} }), name: 'base' });
    const desk = shop({ mcp_servers: {} });
    expect(changes(await tenant.apply(desk))).toEqual(['create system shop', 'create agent desk']);
    const { code, faults } = await faultsOf(tenant.apply(shop()));
    expect(code).toBe('HWCNF');
    expect(faults.map(({ path, message }) => [path, message])).toEqual([
      ['/mcp_servers/files', 'MCP server "files" belongs to the agent system "base"'],
      ['/mcp_servers/search', 'MCP server "search" belongs to the agent system "base"'],
    ]);
  });

  test('are deleted by a prune, or released while another agent uses them', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    await tenant.all(
      `insert into howdah.agent_servers (agent_id, server_id)
       select a.id, s.id from howdah.agents as a, howdah.mcp_servers as s
       where a.name = 'development' and a.tenant_id = $1 and s.name = 'search' and s.tenant_id = $1`,
      tenant.tenant,
    );
    const empty = { version: 'v1', name: 'shop' };
    expect(changes(await tenant.apply(empty))).toEqual([]);
    expect(changes(await tenant.apply(empty, { prune: true }))).toEqual([
      'delete mcp_server files',
      'change mcp_server search',
      'delete agent desk',
    ]);
    expect(await stored(tenant, 'search')).toMatchObject({ owner: null });
    expect(await tenant.export(null)).toMatchObject({
      mcp_servers: { search },
      agents: { development: { servers: ['search'] } },
    });
  });

  test('are exported without the tools they offer', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.apply(shop());
    await tenant.all(
      `select howdah_private.record_mcp_tools(id, howdah_private.mcp_revision(s), '{}', $2) from howdah.mcp_servers as s
       where name = 'search' and tenant_id = $1`,
      tenant.tenant,
      JSON.stringify([
        {
          name: 'find',
          description: 'Finds.',
          parameters: { type: 'object', properties: {} },
          annotations: {},
          digest: 'a',
          fault: null,
          hides_something: false,
        },
      ]),
    );
    const tools = `select name from howdah.tools where kind = 'mcp' and tenant_id = $1`;
    expect(await tenant.all(tools, tenant.tenant)).toEqual([{ name: 'search__find' }]);
    expect(await tenant.export('shop')).toEqual(shop());
    expect(await tenant.export(null)).toEqual({ version: 'v1', name: expect.any(String) });
    expect(changes(await tenant.apply(shop(), { prune: true }))).toEqual([]);
    const without = shop({ mcp_servers: { files }, agents: {} });
    await tenant.apply(without, { prune: true });
    expect(await tenant.all(tools, tenant.tenant)).toEqual([]);
  });
});

describe('faults of MCP servers', () => {
  test('are reported at their places, all at once', async () => {
    const tenant = await newTenant(database.pool);
    const key = 'sk-proj-abcdefgh12345678';
    const { lines } = await faultsOf(
      tenant.apply(`version: v1
name: shop
mcp_servers:
  serch: { type: http, url: "https://mcp.example.org" }
  a__b: { type: http, url: "https://mcp.example.org" }
  told: { type: http, url: mcp.example.org, header: { A: b } }
  none: { type: stdioo, command: x }
  bare: { type: filesystem }
  keys: { type: http, url: "https://mcp.example.org", headers: { Authorization: "Bearer ${key}" }, secret_name: nobody }
  own: { type: stdio, command: x, args: [a, ${key}], secrets: { TOKEN: nobody } }
agents:
  desk: { servers: [search, serch, serch] }
  help: { servers: { serch: { allowed_tool: [f] }, serchh: {} } }
`),
    );
    expect(lines).toEqual([
      '5:3 a server has a name of letters, digits, - and single _, not at its end',
      '6:28 url: an address begins with http:// or https://',
      '6:45 unknown key "header", did you mean "headers"?',
      '7:17 unknown type "stdioo", did you mean "stdio"?',
      '8:3 args is missing',
      '9:81 configuration.headers.Authorization contains a key; rows must not contain keys',
      "9:131 there is no secret 'nobody'",
      '10:45 configuration.args.1 contains a key; rows must not contain keys',
      "10:90 there is no secret 'nobody'",
      '12:21 unknown MCP server "search", did you mean "serch"?',
      '12:36 "serch" is listed twice',
      '13:31 unknown key "allowed_tool", did you mean "allowed_tools"?',
      '13:52 unknown MCP server "serchh", did you mean "serch"?',
    ]);
  });

  test('a sampling model must exist and be able to answer', async () => {
    const tenant = await newTenant(database.pool);
    const file = (models: string, sampling: string) => `version: v1
name: shop
models: { ${models} }
mcp_servers:
  search: { type: http, url: "https://mcp.example.org", sampling_model: ${sampling} }
  other: { type: http, url: "https://mcp.example.org", sampling_model: ${sampling}, allows_elicitation: true }
`;
    const quick = 'quick: { provider: local, model: extractive }';
    const vectors = 'vectors: { provider: openai, model: x, purpose: embedding }';
    const far = '  far: { type: http, url: "https://mcp.example.org", roots: [{ uri: /srv }] }\n';
    const { lines } = await faultsOf(tenant.apply(file(quick, 'quik') + far));
    expect(lines).toEqual([
      '5:73 unknown model "quik", did you mean "quick"?',
      '6:72 unknown model "quik", did you mean "quick"?',
      '7:69 uri: a root begins with file:///',
    ]);
    expect((await faultsOf(tenant.apply(file(vectors, 'vectors')))).lines).toEqual([
      "5:73 the purpose of the sampling model of MCP server 'search' is not llm",
      "6:72 the purpose of the sampling model of MCP server 'other' is not llm",
    ]);
    await tenant.apply(file(quick, 'quick'));
    expect(changes(await tenant.apply(file(quick, 'quick')))).toEqual([]);
    const before = await jobs(tenant);
    const without = file(quick, 'quick').replaceAll(', sampling_model: quick', '');
    expect(changes(await tenant.apply(without))).toEqual([
      'change mcp_server other',
      'change mcp_server search',
    ]);
    expect(await jobs(tenant)).toBe(before + 2);
  });

  test("an admin may keep an owner's command, but not write one", async () => {
    const tenant = await newTenant(database.pool);
    const text = `version: v1
name: shop
mcp_servers:
  search: { type: http, url: "https://mcp.example.org/mcp" }
  files:
    type: stdio
    command: files
  web: { type: fetch }
`;
    const { code, faults } = await faultsOf(byAdmin(tenant, text));
    expect(code).toBe('HWDEN');
    expect(faults).toMatchObject([
      {
        line: 6,
        column: 11,
        message: 'type must not be stdio, which is a command on the machine of the workers',
      },
      { line: 8, column: 16, hint: expect.stringContaining('ask an owner of the database') },
    ]);
    await tenant.apply(text);
    expect(changes(await byAdmin(tenant, text))).toEqual([]);
    const described = text.replace('command: files', 'command: files\n    description: Of files.');
    expect(changes(await byAdmin(tenant, described))).toEqual(['change mcp_server files']);
    const other = text.replace('command: files', 'command: others');
    expect(await faultsOf(byAdmin(tenant, other))).toMatchObject({ code: 'HWDEN' });
    const agents = `${text}agents: { desk: { servers: [files, search] } }`;
    expect(changes(await byAdmin(tenant, agents))).toEqual(['create agent desk']);
    await tenant.apply(agents);
    const empty = 'version: v1\nname: shop';
    expect(changes(await byAdmin(tenant, empty, { prune: true }))).toEqual([
      'delete mcp_server files',
      'delete mcp_server search',
      'delete mcp_server web',
      'delete agent desk',
    ]);
  });

  test('an existing secret may be named', async () => {
    const tenant = await newTenant(database.pool);
    await tenant.all(
      `insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, 'search', '')`,
      tenant.tenant,
    );
    const document = shop({
      mcp_servers: {
        files,
        search: { ...search, secret_name: 'search', secrets: { 'X-Key': 'search' } },
      },
    });
    await tenant.apply(document);
    expect(await tenant.export('shop')).toEqual(document);
  });
});
