import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import {
  replaceEgressReport,
  replaceProviderReports,
} from '../../../src/db/worker/provider-reports.ts';
import { parseHostPattern } from '../../../src/network/host-pattern.ts';
import { runCli } from '../../cli/run-cli.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { ask, startTestApi } from '../harness.ts';
import { call } from '../rest/call.ts';
import { makePerson, tokenFor, tokenOptions } from '../subscriptions/tokens.ts';

// Checks one rule for addresses and commands of the server's machine. An owner of the machine may
// name addresses in every interface and every kind of row. Commands and packages are code that runs
// on the machine: only an owner of the database may name them, and no request without a login may.
// A tenant receives the same rejection everywhere.

const db = testDatabase();
let open: ApiServer;
/** The same, which also tests models that are not stored. */
let tester: ApiServer;
let walled: ApiServer;
let token: string;
let key: string;
let login: pg.Client;
let loginUrl: string;
let folder: string;
const LOGIN = `own_machine_${process.pid}`;

beforeAll(async () => {
  open = await startTestApi(db.url);
  tester = await startTestApi(db.url, {
    tryUnsavedModel: () => Promise.reject(new Error('no model is called')),
  });
  walled = await startTestApi(db.url, tokenOptions);
  const { tenant_id } = await makePerson(db.pool, 'boss');
  token = await tokenFor(
    { sub: 'boss', tenant_id, user_id: '' },
    { user_id: undefined, role: 'owner' },
  );
  key = (await one(db.pool, `select key from howdah.create_api_key('boss', 'owner')`)).key;
  await db.pool.query(`
    create role ${LOGIN} login password 'secret'; grant howdah_app to ${LOGIN};
    insert into howdah_private.login_tenants (login, tenant_id, role)
    values ('${LOGIN}', '${tenant_id}', 'owner')`);
  const url = new URL(db.url);
  url.username = LOGIN;
  url.password = 'secret';
  loginUrl = url.href;
  login = new pg.Client({ connectionString: loginUrl });
  await login.connect();
  folder = mkdtempSync(join(tmpdir(), 'own-machine-'));
});
afterAll(async () => {
  await login?.end();
  await db.pool.query(`
    delete from howdah_private.login_tenants where login = '${LOGIN}';
    drop owned by ${LOGIN}; drop role ${LOGIN}`);
  await open?.close();
  await tester?.close();
  await walled?.close();
  if (folder) rmSync(folder, { recursive: true });
});

const PRIVATE = 'http://127.0.0.1:9/v1';
const parameters = { type: 'object', properties: {} };

type Kind = {
  /** Field named by the error. */
  field: string;
  /** Table and columns of the row. */
  table: string;
  row: Record<string, unknown>;
  /** Collection of REST, and mutation of GraphQL with its argument. */
  path: string;
  mutation: [name: string, input: string];
  /** Row in a file of an agent system. Absent if such files cannot contain the row. */
  file?: object;
  message: string;
  /** True if only an owner of the database may write the row, and no request without a login. */
  isCode?: true;
};

const hostMessage = (what: string) => `${what} must have a public host name, not 127.0.0.1`;

const KINDS: Record<string, Kind> = {
  'a model': {
    field: 'base_url',
    table: 'models',
    row: { name: 'n', provider: 'openai', model: 'llama', base_url: PRIVATE },
    path: '/api/models',
    mutation: ['createModel', 'model'],
    file: { models: { n: { provider: 'openai', model: 'llama', base_url: PRIVATE } } },
    message: hostMessage('base_url'),
  },
  'an MCP server over HTTP': {
    field: 'configuration.url',
    table: 'mcp_servers',
    row: { name: 'n', type: 'http', configuration: { url: PRIVATE } },
    path: '/api/mcp-servers',
    mutation: ['createMcpServer', 'mcpServer'],
    file: { mcp_servers: { n: { type: 'http', url: PRIVATE } } },
    message: hostMessage('configuration.url'),
  },
  'an MCP server that is a command': {
    field: 'type',
    table: 'mcp_servers',
    row: { name: 'n', type: 'stdio', configuration: { command: 'true' } },
    path: '/api/mcp-servers',
    mutation: ['createMcpServer', 'mcpServer'],
    file: { mcp_servers: { n: { type: 'stdio', command: 'true' } } },
    message: 'type must not be stdio, which is a command on the machine of the workers',
    isCode: true,
  },
  'an HTTP tool': {
    field: 'configuration.url',
    table: 'tools',
    row: { name: 'n', kind: 'http', configuration: { url: PRIVATE }, parameters },
    path: '/api/tools',
    mutation: ['createTool', 'tool'],
    file: { tools: { n: { kind: 'http', configuration: { url: PRIVATE }, parameters } } },
    message: hostMessage('configuration.url'),
  },
  'an engine': {
    field: 'engine_configuration.url',
    table: 'agents',
    row: { name: 'n', engine: 'http', engine_configuration: { url: PRIVATE } },
    path: '/api/agents',
    mutation: ['createAgent', 'agent'],
    message: hostMessage('engine_configuration.url'),
  },
  'a webhook': {
    field: 'url',
    table: 'webhooks',
    row: { url: PRIVATE },
    path: '/api/webhooks',
    mutation: ['createWebhook', 'webhook'],
    message: hostMessage('url'),
  },
  'the resource of an integration': {
    field: 'resource_url',
    table: 'integrations',
    row: { name: 'n', resource_url: PRIVATE },
    path: '/api/integrations',
    mutation: ['createIntegration', 'integration'],
    message: hostMessage('resource_url'),
  },
  'the authorization server of an integration': {
    field: 'issuer',
    table: 'integrations',
    row: { name: 'n', resource_url: 'https://api.example.com/mcp', issuer: PRIVATE },
    path: '/api/integrations',
    mutation: ['createIntegration', 'integration'],
    message: hostMessage('issuer'),
  },
  'an endpoint of an integration': {
    field: 'endpoints.token_endpoint',
    table: 'integrations',
    row: {
      name: 'n',
      resource_url: 'https://api.example.com/mcp',
      issuer: 'https://as.example.com',
      endpoints: { token_endpoint: PRIVATE },
    },
    path: '/api/integrations',
    mutation: ['createIntegration', 'integration'],
    message: hostMessage('endpoints.token_endpoint'),
  },
};

/** Response of an interface: accepted, or the code, the message and the field of the error. */
type Said = 'accepted' | { code: unknown; message: unknown; field: unknown };

const camel = (name: string) => name.replaceAll(/_(\w)/g, (_all, letter) => letter.toUpperCase());
let made = 0;

async function bySql(client: Pick<pg.Pool, 'query'>, { table, row }: Kind): Promise<Said> {
  const names = Object.keys(row).join(', ');
  const text = `insert into howdah.${table} (${names})
    select ${names} from jsonb_populate_record(null::howdah.${table}, $1)`;
  try {
    await client.query(text, [JSON.stringify(row)]);
    return 'accepted';
  } catch (error) {
    const { code, message, detail } = error as { code: string; message: string; detail: string };
    return { code, message, field: JSON.parse(detail).field };
  }
}

async function byRest(api: ApiServer, { path, row }: Kind, bearer?: string): Promise<Said> {
  const { status, body } = await call(api, 'POST', path, row, bearer ? { token: bearer } : {});
  if (status === 201) return 'accepted';
  expect(status).toBe(403);
  return { code: body.code, message: body.detail, field: body.field };
}

async function byGraphql(api: ApiServer, { mutation, row }: Kind, bearer?: string): Promise<Said> {
  const [name, input] = mutation;
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const value = Object.fromEntries(Object.entries(row).map(([one, what]) => [camel(one), what]));
  const { errors } = await ask(
    api,
    `mutation ($input: ${type}!) { ${name}(input: $input) { ${input} { id } } }`,
    { input: { [input]: value } },
    bearer,
  );
  if (errors.length === 0) return 'accepted';
  const [{ message, extensions }] = errors as [(typeof errors)[0]];
  const { code, detail } = extensions;
  return { code, message, field: (detail as { field: string }).field };
}

async function byFile(url: string, { file }: Kind): Promise<Said> {
  const path = join(folder, `n${made}.yaml`);
  writeFileSync(path, JSON.stringify({ version: 'v1', name: `n${made}`, ...file }));
  const { status, stderr } = await runCli(url, 'apply', path, '--json');
  if (status === 0) return 'accepted';
  const { error } = JSON.parse(stderr);
  const [fault] = error.detail?.faults ?? [];
  return { code: error.code, message: fault?.message ?? error.message, field: 'in a file' };
}

/** Gives a row a new name, since names are unique. */
function withNewName(kind: Kind): Kind {
  made += 1;
  const name = `n${made}`;
  const row =
    'name' in kind.row ? { ...kind.row, name } : { ...kind.row, url: `${PRIVATE}/${made}` };
  const file =
    kind.file &&
    Object.fromEntries(
      Object.entries(kind.file).map(([part, { n }]: [string, { n?: object }]) => [
        part,
        { [name]: n },
      ]),
    );
  return { ...kind, row, ...(file && { file }) };
}

describe.each(Object.entries(KINDS))('%s', (_name, kind) => {
  const refusal = { code: 'HWDEN', message: kind.message, field: kind.field };

  test('may be written by who owns the machine', async () => {
    const overHttp = kind.isCode ? refusal : 'accepted';
    expect(await bySql(db.pool, withNewName(kind)), 'SQL').toBe('accepted');
    expect(await byRest(open, withNewName(kind)), 'REST').toEqual(overHttp);
    expect(await byGraphql(open, withNewName(kind)), 'GraphQL').toEqual(overHttp);
    if (kind.file) expect(await byFile(db.url, withNewName(kind)), 'CLI').toBe('accepted');
  });

  test('is refused to a tenant in the same words everywhere', async () => {
    for (const bearer of [token, key]) {
      for (const api of [walled, open]) {
        if (bearer === token && api === open) continue; // this server accepts no tokens
        expect(await byRest(api, withNewName(kind), bearer), 'REST').toEqual(refusal);
        expect(await byGraphql(api, withNewName(kind), bearer), 'GraphQL').toEqual(refusal);
      }
    }
    expect(await bySql(login, withNewName(kind)), 'SQL').toEqual(refusal);
    if (kind.file) {
      const { code, message } = refusal;
      const said = { code, message, field: 'in a file' };
      expect(await byFile(loginUrl, withNewName(kind)), 'CLI').toEqual(said);
    }
  });
});

describe('code on the machine, without a login', () => {
  const command = { type: 'stdio', configuration: { command: 'true' } };

  test.each([
    ['a command', command],
    ['the preset filesystem', { type: 'filesystem', configuration: { args: ['/'] } }],
    ['the preset fetch', { type: 'fetch', configuration: {} }],
  ])('%s is refused in a new server and in an existing one', async (_what, code) => {
    const { row } = withNewName(KINDS['an MCP server over HTTP'] as Kind);
    const { body } = await call(open, 'POST', '/api/mcp-servers', row);
    const refused = { status: 403, body: { code: 'HWDEN', field: 'type' } };
    const name = `code${made}`;
    expect(await call(open, 'POST', '/api/mcp-servers', { name, ...code })).toMatchObject(refused);
    for (const method of ['PUT', 'PATCH']) {
      const changed = { name: body.name, ...code };
      const answer = await call(open, method, `/api/mcp-servers/${body.id}`, changed);
      expect(answer, method).toMatchObject(refused);
    }
  });

  test('a command that an owner wrote is not changed', async () => {
    const name = `kept${process.pid}`;
    const { id } = await one(
      db.pool,
      `insert into howdah.mcp_servers (name, type, configuration)
       values ($1, 'stdio', '{"command": "true"}') returning id`,
      [name],
    );
    const patch = { configuration: { command: 'true', env: { NODE_OPTIONS: '--inspect' } } };
    const place = `/api/mcp-servers/${id}`;
    expect(await call(open, 'PATCH', place, patch)).toMatchObject({ status: 403 });
    const { errors } = await ask(
      open,
      `mutation ($id: UUID!, $patch: McpServerPatch!) {
         updateMcpServer(input: { id: $id, patch: $patch }) { mcpServer { id } } }`,
      { id, patch },
    );
    expect(errors).toMatchObject([{ extensions: { code: 'HWDEN' } }]);
    const same = { description: 'Ours.', ...command };
    expect(await call(open, 'PATCH', place, same)).toMatchObject({ status: 200 });
  });

  test('a file of an agent system brings no command', async () => {
    for (const server of [
      { type: 'stdio', command: 'true' },
      { type: 'filesystem', args: ['/'] },
      { type: 'fetch' },
    ]) {
      const file = { version: 'v1', name: 'commands', mcp_servers: { s: server } };
      const answer = await call(open, 'POST', '/agent-systems', file);
      expect(answer, server.type).toMatchObject({ status: 403, body: { code: 'HWDEN' } });
    }
  });

  const keys = { 'without a credential': () => undefined, 'with a key': () => key };
  test.each(Object.entries(keys))('a package is refused as a provider %s', async (_who, bearer) => {
    const credential = bearer();
    const name = credential ? 'keyed' : 'packed';
    const withKey = credential ? { token: credential } : {};
    await replaceProviderReports(db.pool, 'worker', [
      { provider: 'npm:left-pad', has_package: true, has_key: false, has_address: false },
    ]);
    const model = { provider: 'npm:left-pad', model: 'm', base_url: 'https://api.example.com/v1' };
    const refused = { status: 403, body: { code: 'HWDEN', field: 'provider' } };
    const created = await call(open, 'POST', '/api/models', { name, ...model }, withKey);
    expect(created).toMatchObject(refused);
    const tested = await call(tester, 'POST', '/api/models/test', model, withKey);
    expect(tested).toMatchObject(refused);
    const { errors } = await ask(
      open,
      `mutation { createModel(input: { model: { name: "${name}", provider: "npm:left-pad",
         model: "m", baseUrl: "https://api.example.com/v1" } }) { model { id } } }`,
      {},
      credential,
    );
    expect(errors).toMatchObject([{ extensions: { code: 'HWDEN' } }]);
    const file = { version: 'v1', name: 'packages', models: { [name]: model } };
    expect(await call(open, 'POST', '/agent-systems', file, withKey)).toMatchObject({
      status: 403,
    });
    const agent = { name, llm_provider_config: { ...model, api_url: model.base_url } };
    const { base_url: _, ...config } = agent.llm_provider_config;
    const own = { ...agent, llm_provider_config: config };
    expect(await call(open, 'POST', '/api/agents', own, withKey)).toMatchObject({ status: 403 });

    const byAdmin = await call(walled, 'POST', '/api/models', { name, ...model }, { token });
    expect(byAdmin.status, JSON.stringify(byAdmin.body)).toBe(201);
    const place = `/api/models/${byAdmin.body.id}`;
    const elsewhere = { base_url: 'https://other.example.com/v1' };
    expect(await call(open, 'PATCH', place, elsewhere, withKey)).toMatchObject({ status: 403 });
  });
});

describe('a key that was created without a login', () => {
  const makeByRest = async (api: ApiServer, bearer?: string): Promise<string> => {
    made += 1;
    const wanted = { name: `made${made}`, role: 'owner' };
    const credential = bearer ? { token: bearer } : {};
    const { status, body } = await call(api, 'POST', '/api/api-keys', wanted, credential);
    expect(status, JSON.stringify(body)).toBe(201);
    return body.key;
  };
  const makeByGraphql = async (bearer?: string): Promise<string> => {
    const text =
      'mutation { createApiKey(input: { name: "made", role: owner }) { result { key } } }';
    return (await ask(open, text, {}, bearer)).data.createApiKey.result.key;
  };
  const statusAt = async (api: ApiServer, bearer: string) =>
    (await call(api, 'GET', '/api/agents', undefined, { token: bearer })).status;

  test('is refused where a login is required, and so are the keys that it created', async () => {
    const keys = [await makeByRest(open), await makeByGraphql()];
    keys.push(await makeByRest(open, keys[0]), await makeByGraphql(keys[1]));
    for (const one of keys) {
      expect(await statusAt(open, one)).toBe(200);
      const { status, body } = await call(walled, 'GET', '/api/agents', undefined, { token: one });
      expect({ status, detail: body.detail }).toEqual({
        status: 401,
        detail: 'The API key was created without a login, and this server requires one.',
      });
    }
  });

  test('is not one that an owner of the database or a key of theirs created', async () => {
    for (const bearer of [await makeByRest(open, key), await makeByRest(walled, token), key]) {
      expect(await statusAt(walled, bearer)).toBe(200);
    }
  });
});

test.each(['llm', 'tts', 'stt'])(
  'an %s configuration of a provider follows the rule',
  async (purpose) => {
    const config = (n: number) => ({
      name: `voice_${purpose}_${n}`,
      [`${purpose}_provider_config`]: { provider: 'openai', model: 'm', api_url: PRIVATE },
    });
    expect((await call(open, 'POST', '/api/agents', config(1))).status).toBe(201);
    for (const bearer of [token, key]) {
      expect(await call(walled, 'POST', '/api/agents', config(2), { token: bearer })).toMatchObject(
        {
          status: 403,
          body: { code: 'HWDEN', field: `${purpose}_provider_config.api_url` },
        },
      );
    }
  },
);

describe('an address that an owner wrote', () => {
  const tool = { kind: 'http', configuration: { url: PRIVATE }, parameters };

  test('stays when a tenant writes the same row again, and no other address', async () => {
    const { body } = await call(open, 'POST', '/api/tools', { name: 'kept', ...tool });
    const place = `/api/tools/${body.id}`;
    const put = (configuration: object) =>
      call(walled, 'PUT', place, { ...body, description: 'Ours.', configuration }, { token });
    expect((await put(tool.configuration)).status).toBe(200);
    expect((await put({ url: 'http://127.0.0.1:10/v1' })).status).toBe(403);
    expect((await put({ ...tool.configuration, method: 'DELETE' })).status).toBe(403);
    expect((await put({ url: 'https://api.example.com/' })).status).toBe(200);
    expect((await put(tool.configuration)).status).toBe(403);
  });

  test.each([
    ['127.0.0.1:9', 'http://127.0.0.1:9/v1', 201],
    ['127.0.0.1:9', 'http://127.0.0.1:10/v1', 403],
    ['127.0.0.1:9', 'http://127.0.0.1/v1', 403],
    ['10.0.0.7', 'https://10.0.0.7:8443/v1', 201],
    ['*.svc.internal', 'http://crm.svc.internal/v1', 201],
    ['*.svc.internal', 'http://svc.internal/v1', 403],
    ['crm.internal:443', 'https://CRM.internal/v1', 201],
    ['[::1]:9', 'http://[::1]:9/v1', 201],
    ['[::1]:9', 'http://[::2]:9/v1', 403],
  ])('HOWDAH_EGRESS_ALLOW=%s and %s: %i', async (allowed, url, status) => {
    const pattern = parseHostPattern(allowed);
    if (!pattern) throw new Error('no pattern');
    await replaceEgressReport(db.pool, 'api', [pattern]);
    try {
      made += 1;
      const row = { name: `open${made}`, ...tool, configuration: { url } };
      const answer = await call(walled, 'POST', '/api/tools', row, { token });
      expect(answer.status, JSON.stringify(answer.body)).toBe(status);
      const { rows } = await db.pool.query('select is_guarded from howdah.tools where name = $1', [
        row.name,
      ]);
      expect(rows).toEqual(status === 201 ? [{ is_guarded: true }] : []);
    } finally {
      await replaceEgressReport(db.pool, 'api', []);
    }
  });

  test.each([
    'http://localhost/',
    'http://LOCALHOST:80/',
    'http://intranet/',
    'http://printer.local/',
    'http://10.1.2.3/',
    'http://[fd00::1]/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://169.254.169.254/latest',
    'http://metadata.google.internal/',
    'http://127.0.0.1.nip.io/',
  ])('%s is no public host', async (url) => {
    const row = { name: 'never', ...tool, configuration: { url } };
    const answer = await call(walled, 'POST', '/api/tools', row, { token });
    expect(answer).toMatchObject({ status: expect.toBeOneOf([400, 403]) });
    const webhook = await call(walled, 'POST', '/api/webhooks', { url }, { token });
    expect(webhook).toMatchObject({ status: 403, body: { code: 'HWDEN', field: 'url' } });
  });

  test.each([
    'https://hooks.example.com/a',
    'https://hooks.example.com.:8443/a',
    'https://xn--mnchen-3ya.example.xn--p1ai/a',
    'https://my_host.example.com/a?b=localhost',
  ])('%s is a public host', async (url) => {
    const answer = await call(walled, 'POST', '/api/webhooks', { url }, { token });
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
  });
});

describe('at work', () => {
  let server: Server;
  let url: string;
  const seen: string[] = [];
  beforeAll(async () => {
    server = createServer((request, response) => {
      seen.push(request.url ?? '');
      const moved = request.url === '/moved';
      response.writeHead(moved ? 302 : 200, {
        'content-type': 'text/plain',
        ...(moved && { location: 'http://127.0.0.1:9/' }),
      });
      response.end('ready');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server?.close());

  test('a worker calls the tool of an owner at that address, and nothing else there', async () => {
    const worker = await startTestWorker(db.url);
    try {
      const calls = ['machine', 'moved'].map((name, index) => ({
        id: `c${index}`,
        name,
        arguments: {},
      }));
      await call(open, 'POST', '/api/models', { name: 's', provider: 'scripted', model: 'script' });
      for (const name of ['machine', 'moved']) {
        const configuration = { url: `${url}/${name}` };
        const row = { name, kind: 'http', configuration, parameters, effect: 'pure' };
        expect((await call(open, 'POST', '/api/tools', row)).status).toBe(201);
      }
      const script = [{ tool_calls: calls }, { content: 'Done.' }];
      const agent = {
        name: 'caller',
        model: 's',
        request_params: { script },
        tools: ['machine', 'moved'],
      };
      expect((await call(open, 'POST', '/api/agents', agent)).status).toBe(201);
      const ran = await call(open, 'POST', '/api/execute', {
        agent: 'caller',
        message: 'Go.',
        wait: 60,
      });
      expect(ran.body).toMatchObject({ status: 'completed', output: 'Done.' });
      const { rows } = await db.pool.query(
        `select name, output::text as output, error::text as error from howdah.steps
         where execution_id = $1 and kind = 'tool' order by name`,
        [ran.body.execution_id],
      );
      expect(rows[0].output).toContain('ready');
      expect(`${rows[1].output}${rows[1].error}`).toMatch(/may not/);
      expect(seen.toSorted()).toEqual(['/machine', '/moved']);
    } finally {
      await worker.stop(0);
    }
  });
});
