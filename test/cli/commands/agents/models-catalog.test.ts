import { expect, test } from 'vitest';
import { testDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

const database = testDatabase();
const catalog = (...argv: string[]) => runCli(database.url, 'models', 'catalog', ...argv);

test('howdah models catalog lists known models of a vendor, by any of its names', async () => {
  const { status, stdout } = await catalog('--vendor', 'claude');
  expect(status).toBe(0);
  expect(stdout).toMatch(/^VENDOR +NAME +PURPOSE/);
  expect(stdout).toMatch(/^anthropic +claude-sonnet-5 +llm +1000000 +2 +0\.2 +10 .*\bsonnet\b/m);
  expect(stdout).not.toContain('openai');
});

test('howdah models catalog --json has all facts of the models for a purpose', async () => {
  const { stdout } = await catalog('--purpose', 'stt', '--vendor', 'openai', '--json');
  const { items } = JSON.parse(stdout);
  expect(items.map(({ name }: { name: string }) => name)).toContain('whisper-1');
  expect(items.find(({ name }: { name: string }) => name === 'whisper-1')).toMatchObject({
    vendor: 'openai',
    purpose: 'stt',
    unit_price: 0.006,
    price_unit: 'minute',
    input_price: null,
    as_of: expect.stringMatching(/^\d{4}-\d\d-\d\d/),
  });
});

test.each([
  [['--vendor', 'nobody'], 3, 'there is no vendor "nobody"'],
  [['--purpose', 'poetry'], 2, 'poetry'],
])('howdah models catalog %j exits with %s', async (argv, status, message) => {
  expect(await catalog(...argv)).toMatchObject({
    status,
    stderr: expect.stringContaining(message),
  });
});
