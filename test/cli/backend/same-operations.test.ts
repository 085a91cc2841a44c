import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { type CliResult, runCli, startCli } from '../run-cli.ts';

// Commands that do an operation of REST print the same for a database and for a server, also when
// they fail.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const UNKNOWN = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
const PRESS = 'examples/press.yaml';
const database = testDatabase();
const folder = mkdtempSync(join(tmpdir(), 'howdah-same-'));
const faulty = join(folder, 'faulty.yaml');
const card = join(folder, 'shop', 'clerk.md');
const library = join(folder, 'library.json');
const ids = { run: '', session: '', agent: '', account: '' };
const keys = { owner: '', viewer: '' };
let api: ApiServer;

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  for (const role of ['owner', 'viewer'] as const) {
    const { key } = await one<{ key: string }>(
      database.pool,
      `select key from howdah.create_api_key($1::text, $1::text::howdah.user_role)`,
      [role],
    );
    keys[role] = key;
  }
  vi.stubEnv('HOWDAH_API_KEY', keys.owner);
  const { pool } = database;
  await pool.query(`
    insert into howdah.agents (name, instruction) values ('desk', E'Help.\\nBe kind.'), ('twin', '');
    insert into howdah.workflows (name, type) values ('twin', 'chain');
    insert into howdah.skills (name, description, content) values ('refunds', 'x', 'x');
    insert into howdah.output_filters (name, pattern) values ('digits', '[0-9]{5}');
    insert into howdah.users (username) values ('ada');
    insert into howdah.integrations (name, resource_url, account_scope)
      values ('notes', 'https://notes.example.com', 'tenant'), ('mail', 'https://mail.example.com', 'user');
    insert into howdah.connected_accounts (integration_id, user_id)
      select i.id, u.id from howdah.integrations as i
      left join howdah.users as u on i.account_scope = 'user';
    insert into howdah.sessions (agent_id, title) values (howdah.agent('desk'), 'Parcels')`);
  await pool.query(
    `update howdah.agents set instruction = E'Help.\\nBe brief.' where name = 'desk'`,
  );
  const found = await one<typeof ids>(
    pool,
    `select (howdah.run('desk', 'Hi')).id as run, howdah.agent('desk') as agent,
       (select s.id from howdah.sessions as s) as session,
       (select a.id from howdah.connected_accounts as a where a.user_id is not null) as account`,
    [],
  );
  Object.assign(ids, found);
  await pool.query(`insert into howdah.todos (session_id, title) values ($1, 'Find the parcel')`, [
    ids.session,
  ]);
  mkdirSync(dirname(card));
  writeFileSync(card, '---\nname: clerk\n---\nAnswer.\n');
  const paths = { '/books': { get: { operationId: 'listBooks' } } };
  const servers = [{ url: 'https://books.example' }];
  const openapi = { openapi: '3.1.0', info: { title: 'Library' }, servers, paths };
  writeFileSync(library, JSON.stringify(openapi));
  await pool.query(`
    insert into howdah.mcp_servers (name, type, configuration)
      values ('shelf', 'http', '{"url": "https://shelf.example.com/mcp"}');
    insert into howdah.mcp_tools (tenant_id, server_id, name, description, parameters, annotations, digest, status)
      select s.tenant_id, s.id, 'look', 'Look.', '{}', '{}', 'd1', 'changed' from howdah.mcp_servers as s`);
  writeFileSync(faulty, 'version: v1\nname: faulty\nagents:\n  a: {mission: 7}\n');
});
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
  await api?.close();
});

const viaDatabase = (...argv: string[]) => runCli(database.url, ...argv);
const viaServer = (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url);

/** Replaces the ids of the session and the run, which a line cannot know before the test. */
const withIds = (argv: readonly string[]) =>
  argv.map((word) =>
    word.replace(/^:(run|session|agent|account)$/, (_, name) => ids[name as 'run']),
  );

/** Runs a line on the database and on the server, asserts equal results and returns them. */
async function runOnBoth(...argv: string[]): Promise<CliResult> {
  const line = withIds(argv);
  const result = await viaDatabase(...line);
  expect(await viaServer(...line)).toEqual(result);
  return result;
}

/** Runs a line that types a secret. */
async function typed(start: () => ReturnType<typeof startCli>, text: string): Promise<CliResult> {
  const cli = start();
  cli.type(text);
  return cli.end();
}

/** Replaces ids and times, which differ between two new rows, and keys. */
function withoutIds({ status, stdout, stderr }: CliResult): CliResult {
  const [out = '', err = ''] = [stdout, stderr].map((text) =>
    text
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replaceAll(/hwd_\w+/g, 'KEY')
      .replaceAll(/"created_by":"[^"]+"/g, '"created_by":"SOMEBODY"'),
  );
  return { status, stdout: out, stderr: err };
}

describe('prints the same for a database and a server', () => {
  test.each([
    [['versions', 'desk']],
    [['versions', 'desk', '--json']],
    [['versions', 'desk', '--diff', '1']],
    [['versions', 'desk', '--diff', '1', '2', '--json']],
    [['versions', 'refunds']],
    [['versions', 'twin', '--kind', 'workflow', '--json']],
    [['export', '--unowned']],
    [['export', '--unowned', '--json']],
    [['apply', PRESS, '--dry-run']],
    [['todo', ':session']],
    [['todo', ':session', '--json']],
    [['export-run', ':run']],
    [['export-run', ':run', '--json', '--redact']],
    [['models', 'catalog', '--vendor', 'anthropic']],
    [['models', 'catalog', '--vendor', 'claude', '--json']],
    [['filters', 'test', 'Call 12345.']],
    [['filters', 'test', 'Call 12345.', '--json']],
    [['policies']],
    [['alerts']],
    [['queue']],
    [['queue', '--json']],
    [['violations']],
    [['audit', '--check']],
    [['audit', '--check', '--json']],
    [['secret', 'list']],
    [['approvals']],
    [['retention-policies', '--json']],
    [['audit', '--object', 'output_filters']],
    [['audit', '--limit', '3', '--json']],
    [['integrations', 'accounts']],
    [['integrations', 'accounts', 'list', '--json']],
    [['integrations', 'accounts', 'show', ':account']],
    [['integrations', 'accounts', 'show', ':account', '--json']],
    [['erase-user', 'ada', '--mode', 'delete', '--dry-run']],
    [['erase-user', 'ada', '--mode', 'anonymise', '--dry-run', '--json']],
  ])('%j', async (argv) => {
    expect(await runOnBoth(...argv)).toMatchObject({ status: 0 });
  });

  test('diff, whose status says that something would change', async () => {
    expect((await runOnBoth('diff', PRESS)).status).toBe(1);
    expect((await runOnBoth('diff', PRESS, '--json')).status).toBe(1);
  });

  test('top, without an owner of the database, who sees more', async () => {
    const [own, theirs] = await Promise.all(
      [viaDatabase('top', '--json'), viaServer('top', '--json')].map(async (run) =>
        JSON.parse((await run).stdout),
      ),
    );
    const shown = ({ runs }: { runs: { id: string; status: string; agent: string }[] }) =>
      runs.map(({ id, status, agent }) => ({ id, status, agent }));
    expect(shown(theirs)).toEqual([{ id: ids.run, status: 'queued', agent: 'desk' }]);
    expect(shown(own)).toEqual(shown(theirs));
    expect(theirs).not.toHaveProperty('database');
  });
});

describe('does the same', () => {
  test('apply, then export of the system', async () => {
    const dry = ['apply', PRESS, '--dry-run', '--json'];
    expect(withoutIds(await viaServer(...dry))).toEqual(withoutIds(await viaDatabase(...dry)));
    const { status, stdout } = await viaServer('apply', PRESS);
    expect({ status, stdout }).toMatchObject({ status: 0, stdout: expect.stringMatching(/press/) });
    expect((await runOnBoth('apply', PRESS)).stdout).toContain('unchanged');
    expect((await runOnBoth('diff', PRESS)).status).toBe(0);
    expect((await runOnBoth('export', 'press-office')).stdout).toContain('name: press-office');
    expect((await runOnBoth('export', '--json')).status).toBe(0);
  });

  test('imports, which overwrite nothing that was not imported', async () => {
    const cards = ['import', 'fast-agent', dirname(card), '--apply'];
    expect((await viaServer(...cards)).stdout).toMatch(/^create +agent +clerk$/m);
    expect((await runOnBoth(...cards)).stdout).toMatch(/^unchanged +agent +clerk$/m);
    const tools = ['tools', 'import-openapi', library];
    expect((await viaServer(...tools)).stdout).toMatch(/^create +tool +listBooks$/m);
    await runOnBoth(...tools, '--json');
    expect((await runOnBoth(...tools, '--only', 'list*', '--prune', '--yes')).status).toBe(0);
    expect(await runOnBoth(...cards, '--name', 'library')).toMatchObject({ status: 1 });
    expect(await runOnBoth(...cards, '--name', 'press-office')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('already exists and does not come from an import'),
    });
  });

  test('the acceptance of a tool', async () => {
    const accept = ['mcp', 'accept', 'shelf', 'look', '--digest'];
    expect(await runOnBoth(...accept, 'd0')).toMatchObject({ status: 1 });
    expect((await viaServer(...accept, 'd1')).stdout).toBe('look accepted\n');
    expect((await runOnBoth(...accept, 'd1', '--json')).stdout).toContain('"digest":"d1"');
  });

  test('labels and restored versions', async () => {
    expect((await runOnBoth('versions', 'desk', '--label', '1', 'old')).stdout).toBe(
      'version 1 of agent desk has the label old\n',
    );
    expect((await viaServer('versions', 'desk', '--restore', '1')).stdout).toBe(
      'agent desk is restored to version 1, as version 3\n',
    );
    expect((await viaDatabase('versions', 'desk', '--restore', '2', '--json')).stdout).toContain(
      '"version":4',
    );
  });

  test('standard rules and policies', async () => {
    expect((await viaServer('alerts', '--use')).stdout).toContain('unknown');
    await runOnBoth('alerts', '--use', '--json');
    expect((await viaServer('policies', '--use', 'strict')).stdout).toContain('ask');
    await runOnBoth('policies', '--use', 'strict', '--json');
    expect(await runOnBoth('policies', '--use', 'none')).toMatchObject({ stdout: '' });
  });

  test('keys', async () => {
    const create = ['key', 'create', 'ci', '--scopes', 'run', '--expires', '30d'];
    const [theirs, own] = [await viaServer(...create), await viaDatabase(...create)];
    expect(withoutIds(theirs)).toEqual(withoutIds(own));
    expect(withoutIds(own)).toMatchObject({ status: 0, stdout: 'KEY\n' });
    await runOnBoth('key', 'list');
    await runOnBoth('key', 'list', '--json');
    const prefix = theirs.stdout.slice(0, 16);
    expect(await viaServer('key', 'revoke', prefix, '--yes')).toMatchObject({ status: 0 });
    await runOnBoth('key', 'revoke', prefix, '--yes', '--json');
    expect((await runOnBoth('key', 'list')).stdout).toMatch(new RegExp(`${prefix} .* revoked`));
  });

  test('the end of an account', async () => {
    const { account } = ids;
    const shown = await runOnBoth('integrations', 'accounts', 'show', account);
    expect(shown.stdout).toMatch(/integration +mail\n/);
    expect(shown.stdout).toMatch(/user +ada\n/);
    const end = ['integrations', 'disconnect', account, '--yes'];
    expect(await viaServer(...end)).toMatchObject({ status: 0, stdout: `${account} revoked\n` });
    const theirs = await viaServer(...end, '--json');
    expect(withoutIds(await viaDatabase(...end, '--json'))).toEqual(withoutIds(theirs));
    const row = JSON.parse(theirs.stdout);
    expect(row).toMatchObject({ id: account, integration: 'mail', user: 'ada' });
    expect(row).not.toHaveProperty('tenant_id');
  });

  test('secrets', async () => {
    const set = (...argv: string[]) =>
      typed(() => startCli(UNREACHABLE, ...argv, '--api', api.url), 'a-value-of-a-secret');
    const made = await set('secret', 'set', 'github');
    expect(made).toMatchObject({ status: 0, stderr: expect.stringContaining('version 1.') });
    const again = await set('secret', 'rotate', 'github', '--json');
    expect(JSON.parse(again.stdout)).toMatchObject({ name: 'github', version: 2, models: [] });
    expect((await runOnBoth('secret', 'list', '--json')).stdout).toContain('"version":2');
    expect(await viaServer('secret', 'remove', 'github', '--yes')).toMatchObject({ status: 0 });
    expect(await runOnBoth('secret', 'list')).toMatchObject({ stdout: '' });
  });

  test('signing keys', async () => {
    // the login of the database has no master key here: json.test.ts does the same there
    const key = await viaServer('webhooks', 'key', 'callbacks', '--json');
    expect(JSON.parse(key.stdout)).toMatchObject({ secret_name: expect.any(String) });
    expect(await viaServer('webhooks', 'key', 'callbacks', '--json')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('"code":"HWCNF"'),
    });
    const theirs = await viaServer('webhooks', 'key', 'callbacks', '--rotate');
    expect(theirs).toMatchObject({ status: 0, stdout: expect.stringMatching(/^whsec_/) });
  });

  test('an edited todo list', async () => {
    const path = join(folder, 'todo.md');
    const { session } = ids;
    expect(await viaServer('todo', session, '--write', path)).toMatchObject({ status: 0 });
    expect(await viaServer('todo', '--apply', path)).toMatchObject({ status: 0 });
    await runOnBoth('todo', '--apply', path);
  });

  test('rows of resources without verbs of their own', async () => {
    const create = ['policies', 'create', '--kind', 'mcp', '--decision', 'deny', '--json'];
    const theirs = await viaServer(...create);
    const { id } = JSON.parse(theirs.stdout);
    expect((await runOnBoth('policies', 'show', id)).stdout).toContain('deny');
    expect(await viaServer('policies', 'delete', id, '--yes')).toMatchObject({ status: 0 });
    const own = await viaDatabase(...create);
    expect(withoutIds(own)).toEqual(withoutIds(theirs));
    await viaDatabase('policies', 'delete', JSON.parse(own.stdout).id, '--yes');
  });
});

describe('fails with the same error', () => {
  test.each([
    [3, ['versions', 'nobody']],
    [2, ['versions', 'twin']],
    [3, ['versions', 'desk', '--diff', '1', '99']],
    [3, ['versions', 'desk', '--restore', '99']],
    [2, ['versions', 'desk', '--label', '1', 'No Word']],
    [3, ['export', 'nobody']],
    [2, ['apply', faulty]],
    [2, ['diff', faulty]],
    [3, ['todo', UNKNOWN]],
    [3, ['export-run', UNKNOWN]],
    [3, ['replay', UNKNOWN]],
    [3, ['replay', ':run', '--agent', 'nobody']],
    [3, ['replay', ':run', '--agent', 'desk', '--version', '99']],
    [3, ['run-agent', '--agent-id', UNKNOWN, '--message', 'Hi']],
    [3, ['filters', 'test', 'x', '--agent', 'nobody']],
    [3, ['alerts', '--use', '--webhook', 'x']],
    [2, ['key', 'create', ' ']],
    [3, ['key', 'create', 'ci', '--user', 'nobody']],
    [3, ['key', 'revoke', 'hwd_000000000000', '--yes']],
    [3, ['key', 'revoke', UNKNOWN, '--yes']],
    [3, ['secret', 'remove', 'nobody', '--yes']],
    [3, ['integrations', 'accounts', 'show', UNKNOWN]],
    [3, ['integrations', 'accounts', 'show', 'notes']],
    [3, ['integrations', 'disconnect', UNKNOWN, '--yes']],
    [3, ['integrations', 'disconnect', UNKNOWN, '--yes', '--json']],
    [2, ['integrations', 'disconnect', 'notes', '--yes']],
    [3, ['integrations', 'connect', 'nobody']],
    [2, ['integrations', 'connect', 'mail']],
    [2, ['integrations', 'connect', 'mail', '--user', 'nobody']],
    [3, ['policies', 'delete', UNKNOWN, '--yes']],
    [3, ['policies', 'create', '--decision', 'deny', '--tool', 'x']],
    [3, ['alerts', 'show', 'nobody']],
    [3, ['approvals', 'delete', UNKNOWN, '--yes']],
    [3, ['erase-user', 'nobody', '--mode', 'delete', '--yes']],
    [3, ['webhooks', 'key', 'https://example.com/nobody']],
    [3, ['mcp', 'accept', 'nobody', 'look']],
    [3, ['mcp', 'accept', 'shelf', 'nothing']],
    [2, ['audit', '--object-id', 'x', '--limit', '0']],
  ])('exits with %i for %j', async (status, argv) => {
    expect(await runOnBoth(...argv)).toMatchObject({ status, stdout: '' });
  });

  test.each([
    [['apply', PRESS]],
    [['import', 'fast-agent', dirname(card), '--apply']],
    [['tools', 'import-openapi', library]],
    [['mcp', 'accept', 'shelf', 'look']],
    [['versions', 'desk', '--restore', '1']],
    [['erase-user', 'ada', '--mode', 'delete', '--yes']],
    [['webhooks', 'key', 'callbacks', '--rotate']],
    [['key', 'create', 'ci']],
    [['key', 'revoke', UNKNOWN, '--yes']],
    [['alerts', '--use']],
    [['policies', '--use', 'strict']],
    [['policies', 'create', '--decision', 'deny', '--kind', 'mcp']],
  ])('exits with 4 without the permission: %j', async (argv) => {
    vi.stubEnv('HOWDAH_API_KEY', keys.viewer);
    const { status, stdout, stderr } = await viaServer(...argv);
    vi.stubEnv('HOWDAH_API_KEY', keys.owner);
    expect({ status, stdout }, stderr).toEqual({ status: 4, stdout: '' });
    expect(stderr).toMatch(/^error: .+/m);
  });

  test.each([
    [['alerts', '--now'], '--now'],
    [['secret', 'rotate'], 'the rotation of encryption keys'],
  ])('a server cannot do %j', async (argv, what) => {
    expect(await viaServer(...argv)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`${what} needs a database, not an API`),
    });
  });
});
