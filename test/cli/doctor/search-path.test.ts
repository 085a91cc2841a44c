import { expect, test } from 'vitest';
import { testDatabase } from '../../support/database.ts';
import { runCli } from '../run-cli.ts';

const db = testDatabase();

/** Returns the messages of doctor about the search path, and those of `migrate up`. */
async function doctorMessages() {
  const { stdout } = await runCli(db.url, 'doctor', '--json');
  const { items } = JSON.parse(stdout) as { items: { check: string; ok: boolean; fix?: string }[] };
  const { stderr } = await runCli(db.url, 'migrate', 'up');
  return { doctor: items.find(({ check }) => check === 'search_path'), migrate: stderr };
}

test('a login that would create tables in the howdah schema gets a warning with a fix', async () => {
  const name = new URL(db.url).pathname.slice(1);
  const login = (await db.pool.query('select session_user as login')).rows[0].login;
  await db.pool.query(`alter database ${name} set search_path = howdah, public`);
  const fix = `alter role ${login} in database ${name} set search_path = public`;
  const before = await doctorMessages();
  expect(before.doctor).toMatchObject({ ok: true, fix });
  expect(before.migrate).toContain(`are created in the Howdah schema howdah. Fix: ${fix}\n`);
  await db.pool.query(fix);
  const after = await doctorMessages();
  expect(after.doctor).toMatchObject({ ok: true });
  expect(after.doctor).not.toHaveProperty('fix');
  expect(after.migrate).toBe('0 migrations up.\n');
});
