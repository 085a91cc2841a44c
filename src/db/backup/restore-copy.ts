import { randomBytes } from 'node:crypto';
import { chownSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { cp, mkdir, rename, rm, rmdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { parseJson } from '../../json/parse-json.ts';
import { onConnection } from '../connection/pool.ts';
import { embeddedBinaries, majorVersion } from '../embedded/binaries.ts';
import { dataFolder, startEmbedded } from '../embedded/embedded.ts';
import { makeHome, type SystemAccount, serverAccount } from '../embedded/system-account.ts';
import { refusePreview } from '../schema/schema-state.ts';
import { type ClusterCopy, DATA, DESCRIPTION } from './copy-cluster.ts';
import { AFTER_CONTENTS, PAUSED } from './restore-sql.ts';

export type CopyToRestore = Readonly<{
  home: string;
  folder: string;
  isPaused: boolean;
  /** The migrations this build knows. */
  known: readonly string[];
  log(line: string): void;
}>;

/** Returns whether a path is a copy of an embedded server, and not a file of pg_dump. */
export function isClusterCopy(path: string): boolean {
  return existsSync(join(path, DESCRIPTION));
}

/**
 * Puts a copy in the place of the embedded server of a home that has none, and starts it. Returns
 * its URL. The server recovers the copy at its first start. Throws `HWCNF` for a home with a
 * database, and for a copy of a newer release or of another major version of PostgreSQL.
 */
export async function restoreCopy(
  request: CopyToRestore,
): Promise<{ url: string; server: string; createdAt: string }> {
  const { home, folder, known, log, isPaused } = request;
  const copy = readDescription(folder);
  refuseOther(copy, known);
  const dataDir = dataFolder(home);
  refuseExisting(dataDir, home);
  const account = serverAccount(dataDir);
  makeHome(resolve(home), account);
  const building = `${dataDir}.${process.pid}.${randomBytes(4).toString('hex')}.new`;
  try {
    await mkdir(building, { mode: 0o700 });
    await cp(join(folder, DATA), building, { recursive: true });
    if (account) giveTo(building, account);
    await rmdir(dataDir).catch(() => {}); // an empty folder
    await rename(building, dataDir);
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  const { url } = await startEmbedded({ home, log });
  await settleRuns(url, isPaused);
  return { url, server: copy.server, createdAt: copy.created_at };
}

function readDescription(folder: string): ClusterCopy {
  try {
    const copy = parseJson(readFileSync(join(folder, DESCRIPTION), 'utf8')) as ClusterCopy;
    if (copy.format === 1 && existsSync(join(folder, DATA, 'backup_label'))) return copy;
  } catch {}
  throw new HowdahError('HWINV', `${folder} is not a complete copy of an embedded database`, {
    hint: 'Name a folder written by howdah admin backup.',
    detail: { folder },
  });
}

function refuseOther({ server, migrations }: ClusterCopy, known: readonly string[]): void {
  const major = majorVersion(embeddedBinaries());
  if (Number.parseInt(server, 10) !== major) {
    throw new HowdahError(
      'HWCNF',
      `the copy is of PostgreSQL ${server}, and the embedded server is of version ${major}`,
      { hint: `Use the release of Howdah that made the copy, then a backup by pg_dump.` },
    );
  }
  refusePreview(migrations, 'the backup');
  const newer = migrations.filter((name) => !known.includes(name));
  if (newer.length === 0) return;
  throw new HowdahError('HWCNF', 'the schema in the backup is newer than this program', {
    hint: `Use the release that made the backup, or a newer one. This release does not know ${newer.join(', ')}.`,
    detail: { newer },
  });
}

function refuseExisting(dataDir: string, home: string): void {
  if (!existsSync(dataDir) || readdirSync(dataDir).length === 0) return;
  throw new HowdahError(
    'HWCNF',
    `${home} already has a database, and a restore does not replace existing data`,
    {
      hint: 'Set HOWDAH_HOME to a new folder. To replace the database, stop it (howdah admin db stop) and move its folder away.',
      detail: { home },
    },
  );
}

function giveTo(path: string, { uid, gid }: SystemAccount): void {
  chownSync(path, uid, gid);
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const one = join(path, entry.name);
    if (entry.isDirectory()) giveTo(one, { name: '', uid, gid });
    else chownSync(one, uid, gid);
  }
}

/** Releases the runs of workers that are not here, and pauses all runs of a second copy. */
async function settleRuns(url: string, isPaused: boolean): Promise<void> {
  const text = `begin; ${AFTER_CONTENTS}${isPaused ? PAUSED : ''}commit;`;
  await onConnection({ url, applicationName: 'howdah-restore' }, (client) => client.query(text));
}
