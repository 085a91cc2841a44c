import { execFileSync } from 'node:child_process';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { type Figure, figure } from '../../bench/figures.ts';
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/embedded.ts';
import { serverAccount } from '../../src/db/embedded/system-account.ts';
import { eventually } from '../../test/support/database.ts';
import type { WorkerProcess } from '../../test/workers/worker-process.ts';
import { findFullPostgres, serverPrograms } from './support/full-servers.ts';
import { completeRuns, startLiveRuns, startTwoWorkers } from './support/live-runs.ts';
import type { RehearsalOptions } from './support/rehearsal.ts';
import { runHowdah } from './support/run-howdah.ts';
import { runStandalone } from './support/run-standalone.ts';

// Carries out the recovery to a point in time that docs/backup.md describes: a base backup and an
// archive of the WAL, runs after the base backup, a schema that is dropped by mistake, and a second
// server that replays the archive up to the moment before.

export const title =
  'recovers a database to the moment before its schema was dropped, from a base backup and WAL';

export const usage = `  --runs N      live runs of each state (100)
  --later S     seconds until scheduled runs are due (20)
It needs a PostgreSQL with pg_basebackup, in the folder HOWDAH_PG_BIN or installed on this machine.`;

type Options = Pick<RehearsalOptions, 'argv' | 'log'>;

/**
 * Waits until killed workers have no connections. These remain for a moment, and have locks until
 * then.
 */
const WORKERS_ARE_GONE = `select where not exists (
  select from pg_stat_activity
  where datname = current_database() and application_name like 'howdah-%' and state <> 'idle')`;

/** Drops the schema of a server with live runs, and recovers it. */
export async function* run({ argv, log }: Options): AsyncGenerator<Figure> {
  const { runs, laterMs } = readOptions(argv);
  const pgBin = findFullPostgres();
  if (pgBin === undefined) {
    throw new Error('no PostgreSQL with pg_basebackup found: set HOWDAH_PG_BIN to its folder');
  }
  const site = createSite(pgBin);
  const { folders, programs } = site;
  try {
    const { url } = await startArchivingServer(folders.first, folders.archive, programs);
    await runHowdah(url, 'migrate', 'up');
    const startedAt = performance.now();
    takeBaseBackup(site, url);
    yield figure('recovery', 'base_backup_seconds', secondsSince(startedAt), 's');
    const moment = await loseSchema(site, url, { runs, laterMs, log });
    yield* recover(site, moment, log);
  } finally {
    await site.remove();
  }
}

function readOptions(argv: readonly string[]) {
  const { values } = parseArgs({
    args: [...argv],
    options: { runs: { type: 'string', default: '100' }, later: { type: 'string', default: '20' } },
  });
  return { runs: Number(values.runs), laterMs: Number(values.later) * 1_000 };
}

type Programs = ReturnType<typeof serverPrograms>;

/** Folders and processes of the rehearsal. */
type Site = {
  folders: { first: string; recovered: string; archive: string };
  pgBin: string;
  programs: Programs;
  workers: WorkerProcess[];
  createPool(url: string): pg.Pool;
  remove(): Promise<void>;
};

function createSite(pgBin: string): Site {
  const root = mkdtempSync(join(tmpdir(), 'howdah-recovery-'));
  chmodSync(root, 0o755);
  const folders = {
    ...{ first: join(root, 'first'), recovered: join(root, 'recovered') },
    archive: join(root, 'wal'),
  };
  const programs = serverPrograms(pgBin);
  const workers: WorkerProcess[] = [];
  const pools: pg.Pool[] = [];
  return {
    ...{ folders, pgBin, programs, workers },
    createPool(url) {
      const pool = new pg.Pool({ connectionString: url, max: 8 });
      pool.on('error', () => {});
      pools.push(pool);
      return pool;
    },
    async remove() {
      for (const worker of workers) worker.signal('SIGKILL');
      await Promise.all(pools.map((pool) => pool.end()));
      await stopEmbedded(folders.first, programs);
      await stopEmbedded(folders.recovered, programs);
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** Starts a server that copies each finished WAL segment to a folder. */
async function startArchivingServer(home: string, archive: string, binaries: Programs) {
  const { url } = await startEmbedded({ home, binaries });
  mkdirSync(archive, { mode: 0o700 });
  changeOwner(archive, home);
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

function takeBaseBackup({ folders, pgBin }: Site, url: string): void {
  mkdirSync(folders.recovered, { mode: 0o755 });
  const target = join(folders.recovered, 'postgres');
  const options = ['-d', url, '-D', target, '-c', 'fast', '-X', 'stream'];
  execFileSync(join(pgBin, 'pg_basebackup'), options);
}

/**
 * Lets workers process runs, kills the workers, drops the schema, and stops the server. Returns a
 * moment before that at which runs of every state were live.
 */
async function loseSchema(
  { folders, programs, workers, createPool }: Site,
  url: string,
  { runs, laterMs, log }: { runs: number; laterMs: number; log(line: string): void },
): Promise<string> {
  log('starting workers and inserting runs, all after the base backup');
  workers.push(...(await startTwoWorkers(url)));
  const pool = createPool(url);
  const liveRuns = await startLiveRuns(pool, runs, laterMs);
  const { rows } = await pool.query('select clock_timestamp()::text as moment');
  const { moment } = rows[0];
  const inserted = await liveRuns.stop();
  log(`${inserted} runs came in; the database is to be recovered to ${moment}`);
  for (const worker of workers.splice(0)) worker.signal('SIGKILL');
  await eventually(pool, 'the last statements of killed workers end', WORKERS_ARE_GONE);
  await pool.query('drop schema howdah cascade');
  await waitForArchive(pool);
  await stopEmbedded(folders.first, programs);
  return moment;
}

/** Waits until all WAL so far is in the archive. */
async function waitForArchive(pool: pg.Pool): Promise<void> {
  const { rows } = await pool.query('select pg_walfile_name(pg_switch_wal()) as name');
  await eventually(
    pool,
    'the log is archived',
    'select from pg_stat_archiver where last_archived_wal >= $1',
    [rows[0].name],
  );
}

/** Recovers the base backup to a moment, and completes the runs that were live then. */
async function* recover(
  { folders, programs, workers, createPool }: Site,
  moment: string,
  log: (line: string) => void,
): AsyncGenerator<Figure> {
  log('recovering');
  const recoveryStart = performance.now();
  writeRecoverySettings(folders, moment);
  const { url } = await startEmbedded({ home: folders.recovered, binaries: programs });
  const pool = createPool(url);
  await eventually(pool, 'recovery ends', 'select where not pg_is_in_recovery()');
  yield figure('recovery', 'recovery_seconds', secondsSince(recoveryStart), 's');
  const live = await pool.query(
    `select status, count(*)::int as runs from howdah.executions
     where completed_at is null group by status`,
  );
  for (const { status, runs } of live.rows)
    yield figure('recovery', `live_${status}`, runs, 'runs');
  const workersStart = performance.now();
  workers.push(...(await startTwoWorkers(url)));
  yield* completeRuns('recovery', 'recovered', pool);
  yield figure('recovery', 'live_to_end_seconds', secondsSince(workersStart), 's');
}

/** Makes a server replay the archive up to a moment when it starts, and then accept writes. */
function writeRecoverySettings(
  { first, recovered, archive }: Site['folders'],
  moment: string,
): void {
  const data = join(recovered, 'postgres');
  appendFileSync(
    join(data, 'postgresql.auto.conf'),
    `restore_command = 'cp ${archive}/%f %p'
recovery_target_time = '${moment}'
recovery_target_action = 'promote'
archive_mode = off
`,
  );
  writeFileSync(join(data, 'recovery.signal'), '');
  changeOwner(data, first);
}

/** Gives a folder to the user that runs the server in `home`. Root creates files as root. */
function changeOwner(folder: string, home: string): void {
  const account = serverAccount(join(home, 'postgres'));
  if (account === undefined) return;
  execFileSync('chown', ['-R', `${account.uid}:${account.gid}`, folder]);
}

const secondsSince = (startedAt: number) => (performance.now() - startedAt) / 1_000;

if (import.meta.main) await runStandalone(run);
