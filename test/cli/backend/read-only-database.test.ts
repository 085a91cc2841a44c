import { expect, test, vi } from 'vitest';
import { all } from '../../sql/support.ts';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

// Commands on a standby, where every write fails with 25006.

const database = testDatabase();

const readOnlyUrl = () => {
  const url = new URL(database.url);
  url.searchParams.set('options', '-c default_transaction_read_only=on');
  return url.href;
};
const reports = () =>
  all(database.pool, `select * from howdah_private.provider_reports where host like '%/cli'`);

test.each([
  ['models', 'list'],
  ['agents'],
  ['models', 'catalog', '--vendor', 'claude'],
  ['sql', 'select 1'],
])('howdah %s %s reads a read-only database', async (...argv) => {
  const result = await runCli(readOnlyUrl(), ...argv);
  expect(result).toMatchObject({ status: 0 });
  expect(await reports()).toEqual([]);
});

test('a command that reads reports no providers', async () => {
  expect(await runCli(database.url, 'models', 'list')).toMatchObject({ status: 0 });
  expect(await reports()).toEqual([]);
});

test('a command that writes models fails for its own write on a read-only database', async () => {
  const { status, stderr } = await runCli(
    ...[readOnlyUrl(), 'models', 'create', 'one', '--provider', 'scripted', '--model', 'm'],
  );
  expect(status).not.toBe(0);
  expect(stderr).toContain('INSERT');
});

test('a command that writes models reports the providers of its host first', async () => {
  vi.stubEnv('GROQ_API_KEY', 'gsk-test');
  const created = await runCli(
    ...[database.url, 'models', 'create', 'fast', '--provider', 'groq', '--model', 'm'],
  );
  expect(created).toMatchObject({ status: 0 });
  expect(await reports()).toContainEqual(
    expect.objectContaining({ provider: 'groq', has_key: true }),
  );
});
