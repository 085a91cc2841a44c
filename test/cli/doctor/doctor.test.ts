import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

const db = testDatabase();

async function finding(of: string) {
  const { stdout } = await runCli(db.url, 'doctor', '--json');
  const { items } = JSON.parse(stdout) as { items: { check: string; fix?: string }[] };
  return items.find(({ check }) => check === of);
}
const providers = () => finding('providers');

test('doctor checks only Howdah roles, not roles with a similar prefix', async () => {
  const other = `howdah_test_${randomBytes(6).toString('hex')}`;
  await db.pool.query(`create role ${other} superuser`);
  try {
    expect(await finding('roles')).toMatchObject({ ok: true });
  } finally {
    await db.pool.query(`drop role ${other}`);
  }
});

test('doctor names a model with an unknown provider, and suggests the intended one', async () => {
  expect(await providers()).toMatchObject({ ok: true, found: 'every model has a known provider' });
  await db.pool.query(
    `insert into howdah.models (name, provider, model, purpose, base_url) values
       ('typo', 'opnai', 'x', 'llm', null), ('ear', 'deepgram', 'x', 'stt', null),
       ('fine', 'groq', 'x', 'llm', 'https://api.groq.com/openai/v1')`,
  );
  expect(await providers()).toMatchObject({
    ok: true,
    found: 'unknown: 1, the first is that of the model typo',
    fix: expect.stringContaining('Did you mean "openai"?'),
  });
});

test('doctor reports a table without tenant isolation', async () => {
  await db.pool.query('alter table howdah.agents disable row level security');
  expect(await finding('isolation')).toMatchObject({
    ok: false,
    found: 'gaps: 1, the first in howdah.agents: row-level security is off, or not forced',
    fix: 'alter table howdah.agents enable row level security, force row level security',
  });
});
