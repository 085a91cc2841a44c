import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeRun } from '../../../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../../../support/database.ts';
import { runCli } from '../../run-cli.ts';

let database: TestDatabase;
let run: string;
const folder = mkdtempSync(join(tmpdir(), 'howdah-users-'));

beforeAll(async () => {
  database = await createTestDatabase();
  const { rows } = await database.pool.query(
    `insert into howdah.users (username) values ('ada'), ('bob') returning id`,
  );
  run = await makeRun(database.pool, { user_id: rows[0].id, input: 'a song\nof two lines' });
});
afterAll(async () => {
  await database?.drop();
  rmSync(folder, { recursive: true });
});

const howdah = (...argv: string[]) => runCli(database.url, ...argv);

test('export-user prints all data of a user, one document per line', async () => {
  const { status, stdout } = await howdah('export-user', 'ada');
  expect(status).toBe(0);
  const lines = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toMatchObject([
    { kind: 'user', username: 'ada' },
    { kind: 'run', execution: { id: run, input: 'a song\nof two lines' } },
  ]);
  const file = join(folder, 'ada.jsonl');
  expect(await howdah('export-user', 'ada', '--out', file)).toMatchObject({
    status: 0,
    stdout: '',
  });
  expect(readFileSync(file, 'utf8')).toBe(stdout);
});

test('export-user with --redact contains no message text', async () => {
  const { status, stdout } = await howdah('export-user', 'ada', '--redact');
  expect(status).toBe(0);
  expect(stdout).toContain(run);
  expect(stdout).not.toContain('song');
});

test('export-user reports a missing folder', async () => {
  const { status, stderr } = await howdah(
    ...['export-user', 'ada', '--out', join(folder, 'nowhere', 'ada.jsonl')],
  );
  expect(status).toBe(2);
  expect(stderr).toContain(`there is no folder ${join(folder, 'nowhere')}`);
  expect(stderr).toContain('omit --out');
});

test('erase-user refuses while a run is live, then reports what it did', async () => {
  const erase = (...more: string[]) =>
    howdah('erase-user', 'ada', '--mode', 'delete', '--yes', ...more);
  expect((await howdah('erase-user', 'ada')).status).toBe(2);
  const refused = await erase();
  expect(refused.status).toBe(1);
  expect(refused.stderr).toContain(run);
  const { status, stdout } = await erase('--cancel-live', '--json');
  expect(status).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({ mode: 'delete', executions: 1, files: [] });
  const gone = await erase();
  expect(gone.status).toBe(3);
  expect(gone.stderr).toContain('howdah admin users list');
});
