import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { makeRun } from '../../sql/support.ts';
import { createTestDatabase, type TestDatabase } from '../../support/database.ts';
import { runCli, runWithoutDatabase } from '../run-cli.ts';

let db: TestDatabase;
let guarded: ApiServer;
let open: ApiServer;
let key: string;
const folder = mkdtempSync(join(tmpdir(), 'howdah-login-'));
const file = join(folder, 'howdah', 'profiles.json');

beforeAll(async () => {
  vi.stubEnv('XDG_CONFIG_HOME', folder);
  // an empty variable counts as unset, and takes precedence over a .env file
  for (const name of ['DATABASE_URL', 'HOWDAH_API_URL', 'HOWDAH_API_KEY', 'HOWDAH_PROFILE']) {
    vi.stubEnv(name, '');
  }
  db = await createTestDatabase();
  [guarded, open] = await Promise.all([startTestApi(db.url, tokenOptions), startTestApi(db.url)]);
  const made = await runCli(db.url, 'key', 'create', 'desk', '--role', 'member');
  key = made.stdout.trim();
});
afterEach(() => rmSync(join(folder, 'howdah'), { recursive: true, force: true }));
afterAll(async () => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
  await Promise.all([guarded?.close(), open?.close()]);
  await db?.drop();
});

const howdah = (...argv: string[]) => runWithoutDatabase('', ...argv);
const login = (...argv: string[]) => runWithoutDatabase(key, 'login', ...argv);
const later = () => makeRun(db.pool, { run_at: '2100-01-01' });

test('login stores URL and key in an owner-only file, hides the key, and selects the server', async () => {
  const logged = await login(guarded.url);
  expect(logged).toMatchObject({ status: 0, stdout: '' });
  expect(logged.stderr).toContain(`Logged in to ${guarded.url} as profile default`);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(join(folder, 'howdah')).mode & 0o777).toBe(0o700);
  expect(readdirSync(join(folder, 'howdah'))).toEqual(['profiles.json']);
  const run = await later();
  const cancelled = await howdah('cancel', run);
  expect(cancelled).toEqual({ status: 0, stdout: `${run} cancelled\n`, stderr: '' });
  const listed = await howdah('profiles', '--json');
  expect(JSON.parse(listed.stdout).items).toEqual([
    { name: 'default', url: guarded.url, has_key: true, is_current: true },
  ]);
  expect(JSON.stringify([logged, cancelled, listed, await howdah('profiles')])).not.toContain(key);
});

test('a rejected key is not stored, and the previous key remains', async () => {
  const wrong = await runWithoutDatabase('hwd_wrong', 'login', guarded.url);
  expect(wrong).toMatchObject({ status: 4, stdout: '' });
  expect(wrong.stderr).not.toContain('hwd_wrong');
  expect((await howdah('profiles')).stderr).toContain('There is no login profile.');
  await login(guarded.url);
  expect((await runWithoutDatabase('hwd_wrong', 'login')).status).toBe(4);
  expect(readFileSync(file, 'utf8')).toContain(key);
});

test.each([
  [['login'], 'x', 2, 'the address of a server is missing'],
  [['login', 'howdah.example.com'], 'x', 2, 'is not a server address'],
  [['login', 'https://me:secret@example.com'], 'x', 2, 'is not a server address'],
  [['login', 'http://127.0.0.1:1'], '', 2, 'the key is empty'],
  [['login', 'http://127.0.0.1:1'], 'two words', 2, 'the key contains white space'],
  [['login', 'http://127.0.0.1:1'], 'x', 8, 'cannot be reached'],
  [
    ['login', 'http://127.0.0.1:1', '--profile', 'a/b'],
    'x',
    2,
    "'a/b' is not a valid profile name",
  ],
  [
    ['login', 'http://127.0.0.1:1', '--profile', 'none'],
    'x',
    2,
    "'none' is not a valid profile name",
  ],
  [['profiles', 'use', 'nobody'], '', 3, "there is no profile 'nobody'"],
  [['logout', '--profile', 'nobody'], '', 3, "there is no profile 'nobody'"],
  [
    ['cancel', '01a1f805-7e9f-729f-9dc6-14d018338ca2', '--profile', 'x'],
    '',
    3,
    'howdah admin login URL',
  ],
])('%j is rejected', async (argv, input, status, said) => {
  const { stdout, stderr, ...ended } = await runWithoutDatabase(input, ...argv);
  expect({ ...ended, stdout }).toEqual({ status, stdout: '' });
  expect(stderr).toContain(said);
  expect(stderr).not.toContain('secret@');
});

test('several servers have profiles, one of which is current', async () => {
  await login(guarded.url, '--profile', 'desk');
  const spare = await howdah('login', open.url, '--no-key', '--profile', 'spare', '--json');
  expect(JSON.parse(spare.stdout)).toEqual({ profile: 'spare', url: open.url, has_key: false });
  const current = async () =>
    JSON.parse((await howdah('profiles', '--json')).stdout).items.find(
      (one: { is_current: boolean }) => one.is_current,
    )?.name;
  expect(await current()).toBe('spare');
  await howdah('profiles', 'use', 'desk');
  expect(await current()).toBe('desk');
  for (const argv of [[], ['--profile', 'desk'], ['--profile', 'spare']]) {
    const run = await later();
    expect(await howdah('cancel', run, ...argv)).toMatchObject({ status: 0 });
  }
  expect((await howdah('logout')).stderr).toMatch(/^Removed profiles: desk\./);
  expect(await current()).toBeUndefined();
  expect((await howdah('logout')).stderr).toContain('There is no login profile');
  expect((await howdah('logout', '--all')).stderr).toMatch(/^Removed profiles: spare\./);
  expect(readFileSync(file, 'utf8')).not.toContain(key);
});

test('environment and options take precedence over a profile', async () => {
  await login(guarded.url);
  const [first, second, third, fourth] = [
    await later(),
    await later(),
    await later(),
    await later(),
  ];
  // a database
  vi.stubEnv('DATABASE_URL', db.url);
  expect((await howdah('agents')).status).toBe(0);
  expect(await runCli(db.url, 'cancel', first ?? '')).toMatchObject({ status: 0 });
  vi.stubEnv('DATABASE_URL', '');
  // another server: the key of a profile is sent only to the server of a profile
  vi.stubEnv('HOWDAH_API_URL', open.url);
  expect(await howdah('cancel', second ?? '')).toMatchObject({ status: 0 });
  vi.stubEnv('HOWDAH_API_URL', guarded.url);
  expect(await howdah('cancel', third ?? '')).toMatchObject({ status: 0 });
  // another key
  vi.stubEnv('HOWDAH_API_KEY', 'hwd_wrong');
  expect(await howdah('cancel', fourth ?? '')).toMatchObject({ status: 4 });
  vi.stubEnv('HOWDAH_API_URL', '');
  expect(await howdah('cancel', fourth ?? '')).toMatchObject({ status: 4 });
  vi.stubEnv('HOWDAH_API_KEY', '');
  // a named profile, which does not exist
  vi.stubEnv('HOWDAH_PROFILE', 'nobody');
  expect(await howdah('cancel', fourth ?? '')).toMatchObject({ status: 3 });
  vi.stubEnv('HOWDAH_PROFILE', '');
});

test('a command that needs a database fails while a profile selects an API', async () => {
  await login(guarded.url);
  const { status, stdout, stderr } = await howdah('retention', 'months');
  expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  expect(stderr).toContain(`profile default selects the API of ${guarded.url}`);
  expect(stderr).toContain('--profile none');
  const both = await runCli(db.url, 'retention', 'months', '--profile', 'default');
  expect(both.status).toBe(2);
  expect((await runCli(db.url, 'top', '--once')).status).toBe(0);
  expect((await runCli(db.url, 'top', '--once', '--profile', 'none')).status).toBe(0);
});

test('a profile file that others can read, or an invalid file, is rejected', async () => {
  await login(guarded.url);
  await chmod(file, 0o644);
  const readable = await howdah('profiles');
  expect(readable).toMatchObject({ status: 2, stderr: expect.stringContaining('chmod 600') });
  writeFileSync(file, '{"profiles": 7}');
  await chmod(file, 0o600);
  const broken = await howdah('cancel', await later());
  expect(broken).toMatchObject({
    status: 2,
    stderr: expect.stringContaining('not a valid profile file'),
  });
});
