import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startEmbedded, stopEmbedded } from '../../../src/db/embedded/embedded.ts';
import { runWithoutDatabase } from '../../cli/run-cli.ts';

// Backs up the embedded server without programs of PostgreSQL while it is written to, and restores
// the backup.

vi.setConfig({ testTimeout: 240_000, hookTimeout: 240_000 });

const folder = mkdtempSync(join(tmpdir(), 'howdah-copy-'));
chmodSync(folder, 0o755); // the server may run as another user
const home = join(folder, 'home');
const copy = join(folder, 'backup.copy');
let url: string;

const cli = (at: string, ...argv: string[]) => {
  vi.stubEnv('HOWDAH_HOME', at);
  vi.stubEnv('DATABASE_URL', '');
  return runWithoutDatabase('', ...argv);
};
const query = async (at: string, text: string) => {
  const client = new pg.Client({ connectionString: at });
  await client.connect();
  return (await client.query(text).finally(() => client.end())).rows;
};

beforeAll(async () => {
  const migrated = await cli(home, 'migrate', 'up');
  expect(migrated, migrated.stderr).toMatchObject({ status: 0 });
  url = (await startEmbedded({ home })).url;
  await query(url, `insert into howdah.agents (name) values ('copied')`);
  await query(url, 'create table public.written (n int primary key, at text)');
});
afterAll(async () => {
  for (const one of readdirSync(folder)) {
    if (one.startsWith('home')) await stopEmbedded(join(folder, one)).catch(() => {});
  }
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

test('copies a server while it is in use, and restores the copy', async () => {
  let isOver = false;
  let last = 0;
  const writer = new pg.Client({ connectionString: url });
  await writer.connect();
  const writing = (async () => {
    for (let n = 1; !isOver; n += 1) {
      await writer.query('insert into public.written values ($1, $2)', [n, 'x'.repeat(2_000)]);
      last = n;
    }
  })();
  await vi.waitFor(() => expect(last).toBeGreaterThan(10));
  const before = last;
  const made = await cli(home, '--json', 'admin', 'backup', copy, '--copy');
  const after = last;
  isOver = true;
  await writing;
  await writer.end();
  expect(made.stderr + made.stdout).toContain('"pg_dump":null');
  const report = JSON.parse(made.stdout);
  expect(report).toMatchObject({ file: copy, schemas: null, live_runs: {} });
  expect(statSync(copy).mode & 0o077).toBe(0);
  expect(readdirSync(folder).filter((name) => name.endsWith('.part'))).toEqual([]);
  expect(await query(url, 'select count(*)::int as slots from pg_replication_slots')).toEqual([
    { slots: 0 },
  ]);

  const second = join(folder, 'home-restored');
  const restored = await cli(second, 'admin', 'restore', copy);
  expect(restored, restored.stderr).toMatchObject({ status: 0 });
  const at = (await startEmbedded({ home: second })).url;
  expect(await query(at, `select name from howdah.agents where name = 'copied'`)).toHaveLength(1);
  const [{ n, highest }] = await query(
    at,
    'select count(*)::int as n, max(n) as highest from public.written',
  );
  expect(n).toBe(highest); // no gap in the sequence
  expect(n).toBeGreaterThanOrEqual(before);
  expect(n).toBeLessThanOrEqual(after + 1);
});

test('pauses what a second copy would continue', async () => {
  await query(
    url,
    `insert into howdah.schedules (name, cron, agent_id, input)
     values ('nightly', '0 3 * * *', howdah.agent('copied'), 'x')`,
  );
  const other = join(folder, 'paused.copy');
  expect((await cli(home, 'admin', 'backup', other, '--copy')).status).toBe(0);
  const paused = join(folder, 'home-paused');
  expect((await cli(paused, 'admin', 'restore', other, '--paused')).status).toBe(0);
  const at = (await startEmbedded({ home: paused })).url;
  expect(await query(at, 'select is_active from howdah.schedules')).toEqual([{ is_active: false }]);
});

test('rejects an existing folder, a home with a database, another target and a broken copy', async () => {
  expect(await cli(home, 'admin', 'backup', copy, '--copy')).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('already exists'),
  });
  expect(await cli(home, 'admin', 'restore', copy)).toMatchObject({
    status: 1,
    stderr: expect.stringContaining('already has a database'),
  });
  const empty = join(folder, 'home-empty');
  expect(await cli(empty, 'admin', 'restore', copy, '--into', url)).toMatchObject({ status: 2 });
  const broken = join(folder, 'broken.copy');
  mkdirSync(broken);
  const description = join(copy, 'howdah-backup.json');
  writeFileSync(join(broken, 'howdah-backup.json'), readFileSync(description));
  expect(await cli(empty, 'admin', 'restore', broken)).toMatchObject({
    stderr: expect.stringContaining('is not a complete copy'),
  });
  mkdirSync(join(broken, 'data'));
  writeFileSync(join(broken, 'data/backup_label'), '');
  const other = { ...JSON.parse(readFileSync(description, 'utf8')), server: '14.2' };
  writeFileSync(join(broken, 'howdah-backup.json'), JSON.stringify(other));
  expect(await cli(empty, 'admin', 'restore', broken)).toMatchObject({
    stderr: expect.stringContaining('of PostgreSQL 14.2'),
  });
});

test('is made when there is no suitable pg_dump, unless the option names its folder', async () => {
  const named = join(folder, 'named.dump');
  const refused = await cli(home, 'admin', 'backup', named, '--pg-bin', folder);
  expect(refused).toMatchObject({ status: 1, stderr: expect.stringContaining('pg_dump') });
  expect(readdirSync(folder)).not.toContain('named.dump');
  vi.stubEnv('HOWDAH_PG_BIN', folder);
  const made = await cli(home, 'admin', 'backup', named);
  vi.stubEnv('HOWDAH_PG_BIN', '');
  expect(made).toMatchObject({
    status: 0,
    stderr: expect.stringContaining('There is no suitable pg_dump, so the data folder is copied.'),
  });
  expect(readdirSync(named).sort()).toEqual(['data', 'howdah-backup.json']);
});
