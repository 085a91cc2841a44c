import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

const database = testDatabase();
let api: ApiServer;
const cli = (...argv: string[]) => runCli(database.url, 'settings', ...argv);

beforeAll(async () => {
  api = await startTestApi(database.url);
});
beforeEach(() => database.pool.query('delete from howdah.settings'));
afterAll(async () => {
  await api?.close();
});

test('settings are shown one by one with their allowed range', async () => {
  expect(await cli('show', 'max_depth')).toEqual({
    status: 0,
    stdout:
      'max_depth 8 (the default)\nMaximum depth of child runs below a root run.\nAllowed range: 1 to 32.\n',
    stderr: '',
  });
  const { stdout } = await cli('show', 'max_cost', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ key: 'max_cost', value: null, source: 'default' });
});

test('settings are listed, set and removed', async () => {
  expect(await cli()).toMatchObject({
    status: 0,
    stdout: expect.stringMatching(/^max_depth +8 +default +1\.\.32 +Maximum depth/m),
  });
  expect(await cli('set', 'max_depth', '4')).toMatchObject({
    status: 0,
    stdout: 'max_depth 4 (set by the tenant)\n',
  });
  expect(await cli('set', 'max_depth', '5', '--json')).toMatchObject({
    stdout: expect.stringContaining('"value":5,"source":"tenant"'),
  });
  expect(await cli('remove', 'max_depth')).toMatchObject({
    status: 0,
    stdout: 'max_depth 8 (the default)\n',
  });
});

test('settings apply to all tenants with --system, and to one with --tenant', async () => {
  await database.pool.query(`insert into howdah.tenants (slug, name) values ('acme', 'Acme')`);
  expect(await cli('set', 'backoff_initial_seconds', '0.25', '--system')).toMatchObject({
    stdout: 'backoff_initial_seconds 0.25 (set for the system)\n',
  });
  expect(await cli('set', 'backoff_initial_seconds', '2', '--tenant', 'acme')).toMatchObject({
    stdout: 'backoff_initial_seconds 2 (set by the tenant)\n',
  });
  expect(
    await cli('set', 'backoff_initial_seconds', '0.5', '--system', '--tenant', 'acme'),
  ).toMatchObject({
    stdout: 'backoff_initial_seconds 2 (set by the tenant)\n',
    stderr: expect.stringContaining('has its own value, which takes precedence'),
  });
  expect((await cli('list')).stdout).toMatch(/^backoff_initial_seconds +0\.5 +system /m);
  expect(await cli('remove', 'backoff_initial_seconds')).toMatchObject({
    status: 3,
    stderr: expect.stringContaining('backoff_initial_seconds is not set for the tenant'),
  });
  expect(await cli('remove', 'backoff_initial_seconds', '--system')).toMatchObject({
    stdout: 'backoff_initial_seconds 0.5 (the default)\n',
  });
});

test.each([
  [
    ['set', 'max_dept', '4'],
    3,
    /there is no setting named 'max_dept'[\s\S]*Did you mean max_depth\?/,
  ],
  [['show', 'max_steps_'], 3, /Did you mean max_steps\?/],
  [['remove', 'giraffe'], 3, /there is no setting named 'giraffe'/],
  [['set', 'max_depth', '33'], 2, /max_depth must be a whole number from 1 to 32, not 33/],
  [['set', 'max_depth', 'deep'], 2, /from 1 to 32, not "deep"/],
  [['set', 'max_depth', ''], 2, /from 1 to 32, not ""/],
  [['set', 'max_depth'], 2, /value/],
])('settings %j exits %i', async (argv, status, said) => {
  expect(await cli(...argv)).toMatchObject({ status, stderr: expect.stringMatching(said) });
});

describe('over an API', () => {
  const unreachableUrl = 'postgresql://127.0.0.1:1/nowhere';
  const viaServer = (...argv: string[]) =>
    runCli(unreachableUrl, 'settings', ...argv, '--api', api.url);

  test('settings commands print exactly the same as with a database', async () => {
    for (const argv of [
      ['list'],
      ['show', 'max_depth'],
      ['set', 'max_depth', '4'],
      ['show', 'max_depth', '--json'],
      ['set', 'max_depth', '33'],
      ['set', 'max_dept', '4'],
      ['remove', 'max_depth'],
      ['set', 'backoff_initial_seconds', '0.25', '--json'],
    ]) {
      const prepare = async () => {
        await database.pool.query('delete from howdah.settings');
        if (argv[0] === 'remove') await cli('set', 'max_depth', '4');
      };
      await prepare();
      const here = await cli(...argv);
      await prepare();
      expect(await viaServer(...argv)).toEqual(here);
    }
    expect(await viaServer('remove', 'max_steps')).toEqual(await cli('remove', 'max_steps'));
    expect((await viaServer('list', '--json')).stdout).toBe((await cli('list', '--json')).stdout);
  });

  test('a non-numeric value, --system, --tenant and a missing login are rejected', async () => {
    expect(await viaServer('set', 'max_depth', 'deep')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('max_depth must be a number from 1 to 32, not "deep"'),
    });
    expect(await viaServer('set', 'max_depth', '4', '--system')).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--system needs a database, not an API'),
    });
    expect((await viaServer('list', '--tenant', 'acme')).status).toBe(2);
    const guarded = await startTestApi(database.url, tokenOptions);
    try {
      const refused = await runCli(unreachableUrl, 'settings', 'list', '--api', guarded.url);
      expect(refused.status).toBe(4);
    } finally {
      await guarded.close();
    }
  });
});
