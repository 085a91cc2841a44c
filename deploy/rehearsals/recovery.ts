import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Figure, figure } from '../../bench/figures.ts';
import { serverAccount } from '../../src/db/embedded/account.ts';
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/embedded.ts';
import { eventually } from '../../test/support/database.ts';
import type { WorkerProcess } from '../../test/workers/child.ts';
import { alone } from './support/alone.ts';
import { binariesIn, fullPostgres } from './support/full-servers.ts';
import { howdah } from './support/howdah.ts';
import { beginLoad, finish, twoWorkers } from './support/live-runs.ts';

/** Their connections end a moment after them; until then they hold locks. */
const WORKERS_ARE_GONE = `select where not exists (
  select from pg_stat_activity where datname = current_database() and application_name like 'howdah-%' and state <> 'idle')`;

export const title =
  'recovery to a moment: base backup, WAL archive, a schema that is dropped, and the database as it was just before';

type Options = { words: readonly string[]; talk(line: string): void };

/** `--runs N`: so many live runs of each kind; `--later S`: in so many seconds some are due. What docs/backup.md writes is what is done here. */
export async function* run({ words, talk }: Options): AsyncGenerator<Figure> {
  const { values } = parseArgs({
    args: [...words],
    options: { runs: { type: 'string', default: '100' }, later: { type: 'string', default: '20' } },
  });
  const pgBin = fullPostgres();
  if (pgBin === undefined) {
    throw new Error(
      'there is no PostgreSQL with pg_basebackup here: name its folder by HOWDAH_PG_BIN',
    );
  }
  const folder = mkdtempSync(join(tmpdir(), 'howdah-recovery-'));
  chmodSync(folder, 0o755);
  const [home, recovered, archive] = ['first', 'recovered', 'wal'].map((name) =>
    join(folder, name),
  ) as [string, string, string];
  const binaries = binariesIn(pgBin);
  const workers: WorkerProcess[] = [];
  const pools: pg.Pool[] = [];
  const on = (url: string): pg.Pool => {
    const pool = new pg.Pool({ connectionString: url, max: 8 });
    pool.on('error', () => {});
    pools.push(pool);
    return pool;
  };
  try {
    const { url } = await archiving(home, archive, binaries);
    const first = on(url);
    await howdah(url, 'migrate', 'up');
    const base = join(recovered, 'postgres');
    mkdirSync(recovered, { mode: 0o755 });
    const startedAt = performance.now();
    execFileSync(join(pgBin, 'pg_basebackup'), [
      '-d',
      url,
      '-D',
      base,
      '-c',
      'fast',
      '-X',
      'stream',
    ]);
    yield figure('recovery', 'base_backup_seconds', (performance.now() - startedAt) / 1000, 's');

    talk('letting workers run and runs come in, all after the base backup');
    workers.push(...(await twoWorkers(url)));
    const load = await beginLoad(first, Number(values.runs), Number(values.later) * 1000);
    const { rows } = await first.query('select clock_timestamp()::text as moment');
    const { moment } = rows[0];
    const came = await load.end();
    talk(`${came} runs came in; ${moment} is the moment to go back to`);
    for (const worker of workers.splice(0)) worker.signal('SIGKILL');
    await eventually(first, 'the last statements of killed workers end', WORKERS_ARE_GONE);
    await first.query('drop schema howdah cascade');
    await waitForArchive(first);
    await stopEmbedded(home, binaries);

    talk('recovering');
    const from = performance.now();
    const recoveredUrl = await recoverTo(recovered, archive, moment, binaries);
    const there = on(recoveredUrl);
    await eventually(there, 'recovery ends', 'select where not pg_is_in_recovery()');
    yield figure('recovery', 'recovery_seconds', (performance.now() - from) / 1000, 's');
    const live = await there.query(
      `select status, count(*)::int as runs from howdah.executions where completed_at is null group by status`,
    );
    for (const { status, runs } of live.rows)
      yield figure('recovery', `live_${status}`, runs, 'runs');
    const again = performance.now();
    workers.push(...(await twoWorkers(recoveredUrl)));
    yield* finish('recovery', 'recovered', there);
    yield figure('recovery', 'live_to_end_seconds', (performance.now() - again) / 1000, 's');
  } finally {
    for (const worker of workers) worker.signal('SIGKILL');
    await Promise.all(pools.map((pool) => pool.end()));
    await stopEmbedded(home, binaries);
    await stopEmbedded(recovered, binaries);
    rmSync(folder, { recursive: true, force: true });
  }
}

type Binaries = ReturnType<typeof binariesIn>;

/** A server that hands each finished piece of its log to a folder. */
async function archiving(home: string, archive: string, binaries: Binaries) {
  const { url } = await startEmbedded({ home, binaries });
  mkdirSync(archive, { mode: 0o700 });
  giveToServer(archive, home);
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`alter system set archive_mode = on`);
  await client.query(
    `alter system set archive_command = 'test ! -f ${archive}/%f && cp %p ${archive}/%f'`,
  );
  await client.query(`alter system set archive_timeout = '60s'`);
  await client.end();
  await stopEmbedded(home, binaries);
  return startEmbedded({ home, binaries });
}

/** Waits until all that was written so far is in the archive. */
async function waitForArchive(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query('select pg_walfile_name(pg_switch_wal()) as name');
  await eventually(
    pool,
    'the log is archived',
    'select from pg_stat_archiver where last_archived_wal >= $1',
    [rows[0].name],
  );
}

/** Starts the base backup as a server that reads the archive up to the moment, and then is one of its own. */
async function recoverTo(
  home: string,
  archive: string,
  moment: string,
  binaries: Binaries,
): Promise<string> {
  const data = join(home, 'postgres');
  appendFileSync(
    join(data, 'postgresql.auto.conf'),
    `restore_command = 'cp ${archive}/%f %p'
recovery_target_time = '${moment}'
recovery_target_action = 'promote'
archive_mode = off
`,
  );
  writeFileSync(join(data, 'recovery.signal'), '');
  giveToServer(data, join(home, '..', 'first'));
  return (await startEmbedded({ home, binaries })).url;
}

/** What root has made is made the server's. */
function giveToServer(folder: string, home: string): void {
  const account = serverAccount(join(home, 'postgres'));
  if (account === undefined) return;
  execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, folder]);
}

if (import.meta.main) await alone(run);
