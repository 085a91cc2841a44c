import { constants, existsSync } from 'node:fs';
import { copyFile, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { type Client, createClient } from '../connection/pool.ts';
import { fsyncParentOf } from '../retention/fsync-parent.ts';
import { type BackupReport, describeSnapshot, refuseTaken } from './backup.ts';
import { interruptionError } from './pg-process.ts';

/**
 * A backup of the embedded server without programs of PostgreSQL. The npm package has none, but the
 * files of the server are ours, so this does what pg_basebackup does:
 *
 * 1. A temporary replication slot keeps all WAL from now on.
 * 2. `pg_backup_start` makes a checkpoint. The copy may be read while pages change, since the WAL
 *    after the checkpoint repairs them.
 * 3. All files are copied but those that a server makes anew.
 * 4. `pg_backup_stop` returns the file backup_label, with which a server recovers the copy. The WAL
 *    between start and stop is copied.
 *
 * The copy is a folder. It gets its name only when it is whole.
 */
export type ClusterCopyRequest = Readonly<{
  url: string;
  /** The data folder of the server. */
  dataDir: string;
  folder: string;
  signal: AbortSignal;
}>;

/** The description of a copy, in `howdah-backup.json` beside the data. */
export type ClusterCopy = { format: 1; server: string; migrations: string[]; created_at: string };

export const DESCRIPTION = 'howdah-backup.json';
/** The folder of the data within a copy. */
export const DATA = 'data';

/** Folders whose content a server makes anew, or that describe the running server. */
const EMPTY = new Set([
  'pg_dynshmem',
  'pg_notify',
  'pg_replslot',
  'pg_serial',
  'pg_snapshots',
  'pg_stat_tmp',
  'pg_subtrans',
  'pg_wal',
]);
const LEFT_OUT =
  /^(postmaster\.(pid|opts)|server\.log.*|pg_internal\.init.*|pgsql_tmp.*|backup_label.*|current_logfiles)$/;

/** Copies the server while it is in use. Throws `HWCNF` if the folder exists. */
export async function copyCluster(request: ClusterCopyRequest): Promise<BackupReport> {
  const startedAt = performance.now();
  const folder = resolve(request.folder);
  refuseTaken(folder);
  const part = `${folder}.${process.pid}.part`;
  const client = createClient({ url: request.url, applicationName: 'howdah-backup' });
  client.on('error', () => {});
  await client.connect();
  try {
    await makePart(part);
    const snapshot = await describeSnapshot(client, true);
    await client.query('rollback');
    const { server, migrations } = await describe(client);
    const bytes = await copyWhileRunning(client, request, join(part, DATA));
    const created_at = new Date().toISOString();
    const description: ClusterCopy = { format: 1, server, migrations, created_at };
    const text = `${JSON.stringify(description, null, 2)}\n`;
    await writeFile(join(part, DESCRIPTION), text, { mode: 0o600, flush: true });
    refuseTaken(folder);
    await rename(part, folder);
    await fsyncParentOf(folder);
    return {
      ...{ file: folder, bytes, seconds: (performance.now() - startedAt) / 1000 },
      ...{ server, pg_dump: null, schemas: null, migration: snapshot.migration },
      ...{ live_runs: snapshot.live_runs, left_out: snapshot.left_out },
    };
  } finally {
    await client.end().catch(() => {});
    await rm(part, { recursive: true, force: true });
  }
}

async function makePart(part: string): Promise<void> {
  await mkdir(join(part, DATA), { recursive: true, mode: 0o700 }).catch((cause) => {
    throw new HowdahError('EUSAGE', `${part} cannot be created: ${cause.message}`, {
      hint: 'Name a folder that does not exist, below a folder that is writable.',
      detail: { folder: part },
      cause,
    });
  });
}

async function describe(client: Client): Promise<Pick<ClusterCopy, 'server' | 'migrations'>> {
  const { rows } = await client.query(
    `select current_setting('server_version') as server,
       array(select m.name from howdah_private.migrations as m order by m.id) as migrations`,
  );
  return rows[0];
}

async function copyWhileRunning(
  client: Client,
  { dataDir, signal }: ClusterCopyRequest,
  target: string,
): Promise<number> {
  const slot = `howdah_backup_${process.pid}`;
  await client.query('select pg_create_physical_replication_slot($1, true, true)', [slot]);
  const first = await walFile(client, `pg_backup_start('howdah', true)`);
  let bytes = await copyFolder(dataDir, target, signal, '');
  const { rows } = await client.query(
    `select pg_walfile_name(s.lsn - 1) as last, s.labelfile as label
     from pg_backup_stop(wait_for_archive => false) as s`,
  );
  const { last, label } = rows[0];
  await writeFile(join(target, 'backup_label'), label, { mode: 0o600, flush: true });
  for (const name of (await readdir(join(dataDir, 'pg_wal'))).sort()) {
    const isWanted = /^[0-9A-F]{24}$/.test(name)
      ? name >= first && name <= last
      : /\.history$/.test(name);
    if (isWanted) bytes += await copyOne(dataDir, target, join('pg_wal', name));
  }
  return bytes;
}

async function walFile(client: Client, lsn: string): Promise<string> {
  return (await client.query(`select pg_walfile_name(${lsn}) as name`)).rows[0].name;
}

/** Copies a folder, and returns the number of bytes. A file that the server removes is left out. */
async function copyFolder(
  from: string,
  to: string,
  signal: AbortSignal,
  path: string,
): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(join(from, path), { withFileTypes: true })) {
    if (signal.aborted) throw interruptionError();
    const one = join(path, entry.name);
    if (LEFT_OUT.test(entry.name)) continue;
    if (entry.isDirectory()) {
      await mkdir(join(to, one), { mode: 0o700 });
      if (path === '' && entry.name === 'pg_wal') {
        await mkdir(join(to, one, 'archive_status'), { mode: 0o700 });
      }
      if (path !== '' || !EMPTY.has(entry.name)) bytes += await copyFolder(from, to, signal, one);
    } else if (entry.isFile()) {
      bytes += await copyOne(from, to, one);
    } else {
      throw new HowdahError('EPOSTGRES', `${join(from, one)} is no file, and cannot be copied`, {
        hint: 'Tablespaces are outside of the data folder. Use --pg-bin with the folder of pg_dump.',
      });
    }
  }
  return bytes;
}

async function copyOne(from: string, to: string, path: string): Promise<number> {
  try {
    await copyFile(join(from, path), join(to, path), constants.COPYFILE_FICLONE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(join(from, path)))
      return 0;
    throw error;
  }
  const file = await open(join(to, path), 'r+');
  try {
    await file.sync();
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}
