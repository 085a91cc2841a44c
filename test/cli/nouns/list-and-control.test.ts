import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { makeTenant, unique } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { type CliResult, runCli, startAtTerminal } from '../run-cli.ts';

/** Nothing listens here, so a command that connects fails. */
const UNREACHABLE_URL = 'postgresql://127.0.0.1:1/nowhere';
const database = testDatabase();
let api: ApiServer;
let slug: string;
/** Rows of runs as lists print them, the oldest first. */
const runs = ['one', 'two', 'three'].map((input) => ({
  agent: 'greeter',
  status: 'queued',
  input,
  steps: 0,
  tokens: 0,
  cost: 0,
}));

beforeAll(async () => {
  vi.stubEnv('HOWDAH_SECRET_KEY', Buffer.alloc(32, 7).toString('base64')); // the key of the API
  api = await startTestApi(database.url);
  slug = unique('tenant');
  await makeTenant(database.pool, slug);
  await database.pool.query(`
    insert into howdah.agents (name, instruction) values ('greeter', 'Greet.');
    insert into howdah.workflows (name, type) values ('visit', 'chain');
    insert into howdah.mcp_servers (name, type, configuration) values ('shelf', 'http', '{"url": "https://example.com/mcp"}')`);
  for (const { input } of runs)
    await database.pool.query(
      'insert into howdah.executions (agent_id, input) values (howdah.agent($1), $2)',
      ['greeter', input],
    );
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api?.close();
});

const viaDatabase = (...argv: string[]) => runCli(database.url, ...argv);
const viaServer = (...argv: string[]) => runCli(UNREACHABLE_URL, ...argv, '--api', api.url);
const json = async (command: Promise<CliResult>) => {
  const { status, stdout, stderr } = await command;
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
};

describe.each([
  ['in the database', viaDatabase],
  ['over the API', viaServer],
])('%s', (place, howdah) => {
  const name = place.replaceAll(' ', '-');

  test.each<[string, string, string[], Record<string, unknown>]>([
    [
      'models',
      name,
      [
        ...['--provider', 'local', '--model', 'extractive', '--input-price', '0.25'],
        ...['--fallback-position', '3'],
      ],
      { provider: 'local', input_price: 0.25, purpose: 'llm', fallback_position: 3 },
    ],
    [
      'prompts',
      name,
      ['Greet {{name}}.', '--variables', '{"name": {"type": "string"}}'],
      { template: 'Greet {{name}}.' },
    ],
    [
      'webhooks',
      `https://example.com/${name}`,
      ['--events', 'execution.failed, question.opened', '--agent', 'greeter'],
      { events: ['execution.failed', 'question.opened'], is_active: true },
    ],
  ])('%s are created, listed, shown and deleted', async (noun, called, more, expected) => {
    const made = await json(howdah(noun, 'create', called, ...more, '--json'));
    expect(made).toMatchObject(expected);
    expect((await howdah(noun, 'list')).stdout).toContain(called);
    const listed = await json(howdah(noun, 'list', '--json'));
    expect(listed.items.map(({ id }: { id: string }) => id)).toContain(made.id);
    for (const by of [called, made.id]) {
      expect(await json(howdah(noun, 'show', by, '--json'))).toMatchObject({ id: made.id });
    }
    const again = await howdah(noun, 'delete', called, '--yes');
    expect(again).toEqual({ status: 0, stdout: `${called} deleted\n`, stderr: '' });
    expect((await howdah(noun, 'delete', called, '--yes')).status).toBe(3);
  });

  test('runs are listed page by page', async () => {
    const all = await json(howdah('runs', '--json'));
    expect(all).toEqual({
      items: [
        expect.objectContaining(runs[2]),
        expect.objectContaining(runs[1]),
        expect.objectContaining(runs[0]),
      ],
      next: null,
    });
    const first = await json(howdah('runs', '--limit', '2', '--json'));
    expect(first).toEqual({ items: all.items.slice(0, 2), next: all.items[1].id });
    const second = await json(howdah('runs', '--limit', '2', '--before', first.next, '--json'));
    expect(second).toEqual({ items: all.items.slice(2), next: null });
    const shown = await howdah('runs', '--limit', '1');
    expect(shown.stdout).toMatch(/^ID .*INPUT\n.*queued .*three\n$/);
    expect(shown.stderr).toBe(`There are more runs. Next page: --before ${all.items[0].id}\n`);
    for (const more of [
      ['--agent', 'greeter'],
      ['--status', 'queued,failed'],
      ['--since', '1h'],
    ])
      expect((await json(howdah('runs', ...more, '--json'))).items).toHaveLength(3);
    for (const more of [
      ['--workflow', 'visit'],
      ['--status', 'failed'],
      ['--until', '1h'],
    ])
      expect(await howdah('runs', ...more)).toMatchObject({ stderr: 'No executions match.\n' });
    expect((await howdah('runs', '--agent', 'nobody')).status).toBe(3);
    expect((await howdah('runs', '--before', '4711')).status).toBe(2);
  });

  test('errors have the same status and message', async () => {
    const model = ['models', 'create', 'default', '--provider', 'local', '--model', 'x'];
    expect(await howdah(...model)).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringContaining('a row with this name already exists'),
    });
    const events = ['webhooks', 'create', 'https://example.com/x', '--events', 'nonsense'];
    expect((await howdah(...events)).status).toBe(2);
    const nobody = ['webhooks', 'create', 'https://example.com/x', '--agent', 'greter'];
    expect(await howdah(...nobody)).toMatchObject({
      status: 3,
      stderr: expect.stringMatching(
        /there is no agent named 'greter'.*Did you mean the agent 'greeter'\?/s,
      ),
    });
    const { status, stderr } = await howdah('models', 'show', 'defalt');
    expect(status).toBe(3);
    expect(stderr).toMatch(/there is no model 'defalt'.*Did you mean default\?.*models list/s);
    expect((await howdah('models', 'show', '01a1f805-7e9f-729f-9dc6-14d018338ca2')).status).toBe(3);
  });

  test.each([
    ['agents', 'greeter'],
    ['workflows', 'visit'],
    ['tools', 'calculator'],
    ['mcp', 'shelf'],
  ])('%s are listed and shown', async (noun, called) => {
    expect((await howdah(noun, 'list')).stdout).toMatch(new RegExp(`^(ID +)?NAME[^]*${called}`));
    expect((await howdah(noun, 'list', '-o', 'id')).stdout).toMatch(/^[0-9a-f-]{36}\n/);
    const shown = await json(howdah(noun, 'show', called, '--json'));
    expect(shown).toMatchObject({ name: called });
    expect((await howdah(noun, 'show', called)).stdout).toMatch(
      new RegExp(`^name +${called}$`, 'm'),
    );
  });
});

test('--tenant cannot be used with an API', async () => {
  for (const line of [['list'], ['show', 'x'], ['delete', 'x', '--yes']]) {
    expect(await viaServer('models', ...line, '--tenant', slug)).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(
        '--tenant cannot be used with an API: the API key determines the tenant',
      ),
    });
  }
});

test('a row belongs to the named tenant, and an unconfirmed deletion does nothing', async () => {
  const create = ['prompts', 'create', 'mine', 'Hello.', '--tenant', slug];
  expect((await viaDatabase(...create)).status).toBe(0);
  expect((await viaDatabase('prompts', 'show', 'mine')).status).toBe(3);
  const cli = startAtTerminal(database.url, 'prompts', 'delete', 'mine', '--tenant', slug);
  cli.type('n');
  expect(await cli.end()).toMatchObject({ status: 1, stdout: '' });
  expect((await viaDatabase('prompts', 'show', 'mine', '--tenant', slug)).status).toBe(0);
});

describe('howdah schedules', () => {
  test('creates a schedule, paused or active, and deletes it', async () => {
    const create = ['schedules', 'create', 'morning', '--cron', '0 9 * * MON-FRI', '--input', 'Hi'];
    const made = await json(viaDatabase(...create, '--agent', 'greeter', '--paused', '--json'));
    expect(made).toMatchObject({ runs: 'greeter', is_active: false, timezone: 'UTC', input: 'Hi' });
    expect((await viaDatabase('schedules', 'resume', 'morning')).stdout).toMatch(
      /next at .*T09:00:00/,
    );
    expect((await viaDatabase('schedules', 'delete', 'morning', '--yes')).stdout).toBe(
      'morning deleted\n',
    );
    const ofWorkflow = await json(viaDatabase(...create, '--workflow', 'visit', '--json'));
    expect(ofWorkflow).toMatchObject({ runs: 'visit', is_active: true });
  });

  test.each([
    [['--cron', '@daily', '--input', 'Hi'], 'exactly one of --agent and --workflow'],
    [
      ['--cron', '@daily', '--input', 'Hi', '--agent', 'a', '--workflow', 'b'],
      'exactly one of --agent and',
    ],
    [['--cron', 'often', '--input', 'Hi', '--agent', 'greeter'], 'cron'],
    [['--cron', '@daily', '--agent', 'greeter'], "required option '--input <text>'"],
  ])('%j exits 2', async (more, message) => {
    const { status, stderr } = await viaDatabase('schedules', 'create', 'bad', ...more);
    expect(stderr).toContain(message);
    expect(status).toBe(2);
  });
});
