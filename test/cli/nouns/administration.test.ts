import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { PAGE_BYTES } from '../../../src/db/queries/json-rows.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { type CliResult, runCli } from '../run-cli.ts';

// Commands of admins print the same for a database and for a server, also with `--json`.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const UNKNOWN = '01a1f805-7e9f-729f-9dc6-14d018338ca2';
const MORNING = ['schedules', 'create', 'morning', '--input', 'Hi', '--cron', '0 9 * * *'];
const database = testDatabase();
let api: ApiServer;
const keys = { owner: '', viewer: '' };

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
  await database.pool.query(`
    insert into howdah.agents (name, instruction) values ('greeter', 'Greet.');
    insert into howdah.workflows (name, type) values ('visit', 'chain');
    create function public.watch_runs(payload jsonb) returns jsonb language sql as 'select null::jsonb';
    grant execute on function public.watch_runs(jsonb) to howdah_tool`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api?.close();
});

const viaDatabase = (...argv: string[]) => runCli(database.url, ...argv);
const viaServer = (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url);
const json = async (result: Promise<CliResult>) => {
  const { status, stdout, stderr } = await result;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
};

/**
 * Replaces ids and times, which differ between two new rows, and `is_imposed`, which is true for
 * limits set by an owner of the database.
 */
function withoutIds({ status, stdout, stderr }: CliResult): CliResult {
  const [out = '', err = ''] = [stdout, stderr].map((text) =>
    text
      .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
      .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
      .replace('"is_imposed":true', '"is_imposed":false'),
  );
  return { status, stdout: out, stderr: err };
}

/** Runs a line on the database and on the server, asserts equal results and returns them. */
async function runOnBoth(...argv: string[]): Promise<CliResult> {
  const result = await viaDatabase(...argv);
  expect(await viaServer(...argv)).toEqual(result);
  return result;
}

describe.each<[string, string[], object]>([
  ['limits', ['cost', '50.5', '--period', 'day'], { metric: 'cost', max_value: 50.5 }],
  ['grants', ['run', '--agent', 'greeter', '--role', 'viewer'], { agent: 'greeter', user: null }],
])('%s', (noun, made, expected) => {
  test('are created, listed, shown and deleted over a server as in a database', async () => {
    const created = await viaServer(noun, 'create', ...made, '--json');
    const row = await json(Promise.resolve(created));
    expect(row).toMatchObject(expected);
    await runOnBoth(noun, 'list');
    await runOnBoth(noun, 'list', '--json');
    expect((await runOnBoth(noun, 'show', row.id)).stdout).toContain(row.id);
    expect((await runOnBoth(noun, 'show', row.id.toUpperCase(), '--json')).stdout).toBe(
      created.stdout,
    );
    expect(await json(viaServer(noun, 'delete', row.id, '--json', '--yes'))).toEqual(row);
    expect(await runOnBoth(noun, 'show', row.id)).toMatchObject({ status: 3 });

    const own = await viaDatabase(noun, 'create', ...made, '--json');
    expect(withoutIds(created)).toEqual(withoutIds(own));
    await viaDatabase(noun, 'delete', JSON.parse(own.stdout).id, '--yes');
    const again = await viaServer(noun, 'create', ...made);
    const deleted = await viaServer(noun, 'delete', again.stdout.trim(), '--yes');
    const ownAgain = await viaDatabase(noun, 'create', ...made);
    const ownDeleted = await viaDatabase(noun, 'delete', ownAgain.stdout.trim(), '--yes');
    expect([again, deleted].map(withoutIds)).toEqual([ownAgain, ownDeleted].map(withoutIds));
  });
});

test.each([
  [3, ['limits', 'show', UNKNOWN]],
  [3, ['limits', 'show', 'nobody']],
  [3, ['grants', 'delete', UNKNOWN, '--yes']],
  [3, ['grants', 'create', 'run', '--agent', 'greter', '--role', 'viewer']],
  [2, ['grants', 'create', 'fly', '--agent', 'greeter', '--role', 'viewer']],
  [2, ['grants', 'create', 'run', '--role', 'viewer']],
  [3, ['schedules', 'pause', 'evening']],
  [3, ['schedules', 'run', 'evening']],
  [2, [...MORNING, '--cron', 'often']],
  [3, [...MORNING, '--agent', 'greter']],
  [3, ['hooks', 'show', UNKNOWN]],
  [3, ['users', 'suspend', 'nobody']],
  [3, ['users', 'erase', 'nobody', '--mode', 'delete', '--yes']],
  [2, ['users', 'create', 'ada', '--role', 'admn']],
  [3, ['limits', 'delete', UNKNOWN, '--yes']],
  [2, ['limits', 'create', 'coast', '5']],
  [2, ['limits', 'create', 'cost', 'many', '--period', 'day']],
  [2, ['limits', 'create', 'calls', '5', '--period', 'day', '--scope', 'tool']],
])('exits with %i for %j, with the same error in both places', async (status, argv) => {
  expect(await runOnBoth(...argv)).toMatchObject({ status, stdout: '' });
});

test.each([['show'], ['change', '--is-active', 'false'], ['delete', '--yes']])(
  '%s refuses a name that several rows have, and names their ids',
  async (verb, ...options) => {
    const url = `https://hooks.example.com/${verb}`;
    const create = async () => (await viaServer('webhooks', 'create', url)).stdout.trim();
    const ids = [await create(), await create()];
    const { status, stdout, stderr } = await runOnBoth('webhooks', verb, url, ...options);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    for (const id of ids) expect(stderr).toContain(id);
    const rows = await json(viaDatabase('webhooks', 'list', '--json'));
    const left = rows.items.filter((row: { url: string }) => row.url === url);
    expect(left).toMatchObject([{ is_active: true }, { is_active: true }]);
    expect(await runOnBoth('webhooks', 'show', ids[0] ?? '')).toMatchObject({ status: 0 });
  },
);

test('schedules are created, listed, switched, run and deleted', async () => {
  const create = [...MORNING, '--agent', 'greeter', '--concurrency-key', 'desk', '--paused'];
  const created = await viaServer(...create, '--json');
  const { id } = await json(Promise.resolve(created));
  expect(JSON.parse(created.stdout)).toMatchObject({ runs: 'greeter', is_active: false });
  expect(await runOnBoth(...create)).toMatchObject({ status: 1, stdout: '' });
  await runOnBoth('schedules', 'pause', 'morning');
  expect((await runOnBoth('schedules', 'resume', id)).stdout).toMatch(
    /^morning resumed, next at .*T09/,
  );
  await runOnBoth('schedules', 'list');
  await runOnBoth('schedules', 'list', '--json');
  await runOnBoth('schedules', 'show', 'morning');
  await runOnBoth('schedules', 'show', 'morning', '--json');
  const run = ['schedules', 'run', 'morning'];
  const [there, own] = [await viaServer(...run, '--json'), await viaDatabase(...run, '--json')];
  expect(withoutIds(there)).toEqual(withoutIds(own));
  expect(withoutIds(await viaServer(...run))).toEqual(withoutIds(await viaDatabase(...run)));
  const pause = ['schedules', 'pause', 'morning', '--json'];
  expect(withoutIds(await viaServer(...pause))).toEqual(withoutIds(await viaDatabase(...pause)));
  expect((await viaServer('schedules', 'delete', 'morning', '--yes')).stdout).toBe(
    'morning deleted\n',
  );
  const again = await viaDatabase(...create, '--json');
  expect(withoutIds(created)).toEqual(withoutIds(again));
  await viaDatabase('schedules', 'delete', 'morning', '--yes');
});

test('users are created, listed, suspended, admitted and erased', async () => {
  const create = ['users', 'create', 'ada', '--role', 'admin', '--email', 'ada@example.com'];
  const created = await viaServer(...create, '--json');
  const ada = await json(Promise.resolve(created));
  expect(ada).toMatchObject({ username: 'ada', role: 'admin', is_active: true });
  expect(await runOnBoth(...create)).toMatchObject({ status: 1, stdout: '' });
  await runOnBoth('users');
  await runOnBoth('users', 'list', '--json');
  expect((await runOnBoth('users', 'suspend', 'ada')).stdout).toBe('ada suspended\n');
  await runOnBoth('users', 'show', ada.id, '--json');
  expect((await runOnBoth('users', 'admit', 'ada')).stdout).toBe('ada admitted\n');
  const erase = ['users', 'erase', 'ada', '--mode', 'delete', '--yes'];
  expect(await runOnBoth(...erase, '--dry-run')).toMatchObject({ status: 0 });
  const counted = await json(runOnBoth(...erase, '--dry-run', '--json'));
  expect(counted).toMatchObject({ dry_run: true, user_id: ada.id, mode: 'delete' });
  const { dry_run: _, ...erased } = counted;
  expect(await json(viaServer(...erase, '--json'))).toEqual(erased);
  expect(await runOnBoth('users', 'show', 'ada')).toMatchObject({ status: 3 });
  const again = await viaDatabase(...create, '--json');
  expect(withoutIds(created)).toEqual(withoutIds(again));
  await viaDatabase(...erase);
  const text = await viaServer(...create);
  await viaDatabase(...erase);
  expect(withoutIds(text)).toEqual(withoutIds(await viaDatabase(...create)));
});

test('hooks are listed and shown', async () => {
  expect((await runOnBoth('hooks')).stderr).toMatch(/^No hooks\./);
  const { id } = await one<{ id: string }>(
    database.pool,
    `insert into howdah.hooks (event, function, agent_id, is_active)
     values ('before_run', 'public.watch_runs', howdah.agent('greeter'), false) returning id`,
  );
  expect((await runOnBoth('hooks', 'list')).stdout).toMatch(/public\.watch_runs +greeter/);
  await runOnBoth('hooks', 'list', '--json');
  await runOnBoth('hooks', 'show', id);
  expect(JSON.parse((await runOnBoth('hooks', 'show', id, '--json')).stdout)).toMatchObject({
    id,
    agent: 'greeter',
    workflow: null,
  });
});

test('the audit log is listed', async () => {
  const added = `insert into howdah.agents (name) select 'agent ' || n from generate_series(1, 5) as n`;
  await database.pool.query(added);
  const agents = ['audit', '--object', 'agents'];
  expect((await runOnBoth(...agents)).stdout).toMatch(/^SEQ +CREATED_AT.*\n\d+ .* insert +agents /);
  const { items } = await json(runOnBoth(...agents, '--limit', '4', '--json'));
  expect(items).toHaveLength(4);
  const [{ actor, object_id: id }] = items;
  const one = ['--object-id', id, '--actor', actor, '--action', 'insert', '--since', '1h'];
  expect((await json(runOnBoth(...agents, ...one, '--json'))).items).toEqual([items[0]]);
  expect((await runOnBoth(...agents, '--until', '1h')).stderr).toMatch(/^No entries match/);
});

test('more entries of the audit log are listed than fit on a page', async () => {
  await database.pool.query(
    `insert into howdah.prompts (name, template) select 'p' || n, 'x' from generate_series(1, 2200) as n`,
  );
  const { items } = await json(
    runOnBoth('audit', '--object', 'prompts', '--limit', '2199', '--json'),
  );
  expect(items).toHaveLength(2199);
  expect(JSON.stringify(items).length).toBeGreaterThan(PAGE_BYTES);
});

test('an error as JSON has the same fields', async () => {
  const argv = ['limits', 'create', 'calls', '5', '--period', 'day', '--scope', 'tool', '--json'];
  const [own, there] = [await viaDatabase(...argv), await viaServer(...argv)].map((printed) =>
    JSON.parse(printed.stderr),
  );
  expect(there).toMatchObject(own);
});

test.each([[['limits', 'create', 'cost', '5', '--period', 'day']]])(
  'a viewer is refused by %j',
  async (argv) => {
    vi.stubEnv('HOWDAH_API_KEY', keys.viewer);
    try {
      expect(await viaServer(...argv)).toMatchObject({ status: 4, stdout: '' });
    } finally {
      vi.stubEnv('HOWDAH_API_KEY', keys.owner);
    }
  },
);

test('--tenant cannot be used with a server', async () => {
  expect(await viaServer('limits', '--tenant', 'default')).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('the API key determines the tenant'),
  });
});
