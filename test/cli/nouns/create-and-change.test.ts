import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { one } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { type CliResult, runCli } from '../run-cli.ts';

// Rows are created and changed with an option for each field, by a database and by a server.

/** Nothing listens here, so a command that opens this database fails. */
const UNREACHABLE = 'postgresql://127.0.0.1:1/nowhere';
const database = testDatabase();
let api: ApiServer;
let viewerKey = '';

beforeAll(async () => {
  api = await startTestApi(database.url, tokenOptions);
  const keyOf = async (role: string) => {
    const text = 'select key from howdah.create_api_key($1::text, $1::text::howdah.user_role)';
    return (await one<{ key: string }>(database.pool, text, [role])).key;
  };
  vi.stubEnv('HOWDAH_API_KEY', await keyOf('owner'));
  viewerKey = await keyOf('viewer');
  await database.pool.query(`insert into howdah.models (name, provider) values ('small', 'local')`);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await api?.close();
});

const faces = {
  database: (...argv: string[]) => runCli(database.url, ...argv),
  server: (...argv: string[]) => runCli(UNREACHABLE, ...argv, '--api', api.url),
};
const json = async (result: Promise<CliResult>) => {
  const { status, stdout, stderr } = await result;
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return JSON.parse(stdout);
};

/** The noun, the options of a new row, those of its change, and the fields afterwards. */
const NOUNS: [noun: string, created: string[], changed: string[], expected: object][] = [
  [
    'agents',
    ['--instruction', 'Greet.', '--tools', 'search_messages,calculator', '--domain', 'shops'],
    ['--model', 'small', '--max-cost', '0.25', '--use-history', 'false', '--unset', 'domain'],
    {
      ...{ instruction: 'Greet.', tools: ['calculator', 'search_messages'], domain: null },
      ...{ models: ['small'], max_cost: 0.25, use_history: false },
    },
  ],
  [
    'dev workflows',
    ['--type', 'chain', '--members', '[]', '--max-steps', '7'],
    ['--description', '@@team', '--is-active', 'false'],
    { type: 'chain', max_steps: 7, description: '@team', is_active: false },
  ],
  [
    'models',
    [
      ...['--provider', 'local', '--model', 'demo', '--input-price', '0.5'],
      ...['--capabilities', '{"images": true}'],
    ],
    ['--output-price', '2.5', '--request-params', '{"top_k": 1}'],
    {
      ...{ provider: 'local', input_price: 0.5, output_price: 2.5, request_params: { top_k: 1 } },
      ...{ capabilities: { images: true } },
    },
  ],
  [
    'tools',
    ['--kind', 'http', '--configuration', '{"url": "https://example.com", "method": "GET"}'],
    ['--effect', 'pure', '--timeout-ms', '5000', '--capabilities', 'look up, find'],
    { kind: 'http', effect: 'pure', timeout_ms: 5000, capabilities: ['look up', 'find'] },
  ],
  [
    'dev mcp',
    ['--type', 'http', '--configuration', '{"url": "https://shelf.example.com/mcp"}'],
    ['--trusts-annotations', 'true'],
    { type: 'http', trusts_annotations: true, tools: [] },
  ],
];

/** A noun whose rows are added and removed by other words. */
const FILTER = ['iban', '[A-Z]{2}[0-9]{20}'];

describe.each(Object.keys(faces) as (keyof typeof faces)[])('by the %s', (face) => {
  const run = faces[face];

  test.each(NOUNS)(
    '%s are created, changed and deleted',
    async (noun, created, changed, expected) => {
      const words = noun.split(' ');
      const name = `${words.at(-1)}_${face}`;
      const made = await json(run(...words, 'create', name, ...created, '--json'));
      expect(made.name).toBe(name);
      expect(await run(...words, 'change', name, ...changed)).toMatchObject({
        stdout: `${name} changed\n`,
        stderr: '',
      });
      const shown = await json(run(...words, 'show', name, '--json'));
      expect(shown).toMatchObject({ id: made.id, ...expected });
      expect((await json(run(...words, 'list', '--json'))).items).toContainEqual(
        expect.objectContaining(shown),
      );
      expect((await run(...words, 'delete', made.id, '--yes')).stdout).toBe(`${name} deleted\n`);
      expect((await run(...words, 'show', name)).status).toBe(3);
    },
  );

  test('output filters are added, changed and removed', async () => {
    const filters = (...argv: string[]) => run('admin', 'filters', ...argv);
    await json(filters('add', ...FILTER, '--places', 'output', '--json'));
    expect((await filters('change', 'iban', '--action', 'block')).status).toBe(0);
    expect(await json(filters('show', 'iban', '--json'))).toMatchObject({
      ...{ pattern: FILTER[1], places: ['output'], action: 'block', agent: null },
    });
    expect((await filters('remove', 'iban', '--yes')).stdout).toBe('iban deleted\n');
  });

  test('a change needs a field, a known row and a value that fits', async () => {
    expect(await run('agents', 'change', 'nobody')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--instruction'),
    });
    expect(await run('agents', 'change', 'nobody', '--domain', 'x')).toMatchObject({ status: 3 });
    await run('agents', 'create', `strict_${face}`);
    const change = (...options: string[]) => run('agents', 'change', `strict_${face}`, ...options);
    expect(await change('--max-steps', 'many')).toMatchObject({ status: 2 });
    expect(await change('--engine', 'steam')).toMatchObject({ status: 2 });
    expect(await change('--prompt', 'no_such_prompt')).toMatchObject({ status: 3 });
    expect(await change('--domain', 'x', '--unset', 'domain')).toMatchObject({ status: 2 });
    expect(await change('--unset', 'name')).toMatchObject({ status: 2 });
    expect(await change('--max-steps', '-1', '--domain', 'kept?')).toMatchObject({ status: 2 });
    expect(await change('--tools', 'no_such_tool', '--domain', 'kept?')).toMatchObject({
      status: 3,
    });
    const row = await json(run('agents', 'show', `strict_${face}`, '--json'));
    expect(row).toMatchObject({ max_steps: null, domain: null, tools: [] });
  });

  test('a column that is written once has no option to change it', async () => {
    expect(await run('admin', 'limits', 'change', 'ID', '--metric', 'cost')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--metric'),
    });
  });
});

test('deliveries, and what a hook makes of a request, are the same by both', async () => {
  const { pool } = database;
  const { id } = await one<{ id: string }>(
    pool,
    `with hook as (
       insert into howdah.webhooks (url, is_active) values ('https://example.com/hook', false)
       returning id, url),
     rule as (
       insert into howdah.alert_rules (name, query) values ('late', 'select 1 where false')
       returning id)
     insert into howdah.webhook_deliveries (webhook_id, alert_rule_id, event, url, payload, status)
     select h.id, r.id, 'alert.firing', h.url, '{}', 'failed' from hook as h, rule as r
     returning id`,
  );
  await pool.query(`
    insert into howdah.secrets (name, fingerprint) values ('hook', '');
    insert into howdah.agents (name) values ('clerk');
    insert into howdah.inbound_hooks (name, verification, secret_name, agent_id, mapping)
    values ('issues', 'github', 'hook', howdah.agent('clerk'), '{"input": "body.title"}');
    insert into howdah.inbound_deliveries (inbound_hook_id, status, error)
    select h.id, 'refused', '{"code": "late", "message": "late"}' from howdah.inbound_hooks as h`);
  const folder = await mkdtemp(join(tmpdir(), 'howdah-hook-'));
  const file = join(folder, 'body.json');
  await writeFile(file, '{"title": "It broke"}');
  for (const line of [
    ['webhooks', 'deliveries', 'https://example.com/hook', '--status', 'failed'],
    ['inbound-hooks', 'deliveries', 'issues', '--status', 'refused'],
    ['inbound-hooks', 'test', 'issues', '--file', file],
  ]) {
    for (const words of [line, [...line, '--json']]) {
      const result = await faces.database(...words);
      expect(result).toMatchObject({ status: 0, stderr: '' });
      expect(await faces.server(...words)).toEqual(result);
    }
  }
  const again = await json(faces.server('webhooks', 'redeliver', id, '--json'));
  expect(again).toMatchObject({ id, status: 'pending' });
  await rm(folder, { recursive: true });
});

test('a viewer may not change a row', async () => {
  vi.stubEnv('HOWDAH_API_KEY', viewerKey);
  expect(await faces.server('agents', 'create', 'sneaky')).toMatchObject({ status: 4 });
});
