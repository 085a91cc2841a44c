import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { embeddedBinaries } from './binaries.ts';
import { startEmbedded, stopEmbedded } from './embedded.ts';
import { serverAccount } from './system-account.ts';

/**
 * Calls `work` with an empty database on a new server, in a temporary folder. Both are removed
 * afterwards, whatever happens, and also when the process is ended meanwhile, unless it is killed.
 * Throws as `startEmbedded` does.
 */
export async function withScratch<T>(work: (url: string) => Promise<T>): Promise<T> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), 'howdah-scratch-')));
  const removeNow = () => removeAtOnce(home);
  const hangUp = () => process.exit(129);
  process.once('exit', removeNow);
  process.once('SIGHUP', hangUp);
  try {
    if (process.getuid?.() === 0) chmodSync(home, 0o755); // the server runs as another user
    const { url } = await startEmbedded({ home }).catch(throwHomeError);
    return await work(url);
  } finally {
    await stopEmbedded(home).finally(() => removeFolder(home));
    process.off('exit', removeNow);
    process.off('SIGHUP', hangUp);
  }
}

/**
 * Renames the variable in an `EHOME` error, because the unusable folder is in TMPDIR and not in a
 * home.
 */
function throwHomeError(error: unknown): never {
  if (!(error instanceof HowdahError) || error.code !== 'EHOME') throw error;
  throw new HowdahError('EHOME', error.message.replace('HOWDAH_HOME', 'TMPDIR'), {
    hint: 'Set TMPDIR to a folder that other users may enter, such as /tmp, or set DATABASE_URL.',
    detail: error.detail ?? null,
    cause: error,
  });
}

/** Removes the server and its folder synchronously, because an exiting process cannot wait. */
function removeAtOnce(home: string): void {
  try {
    const folder = join(home, 'postgres');
    if (existsSync(join(folder, 'postmaster.pid'))) {
      const { uid, gid } = serverAccount(folder) ?? {};
      spawnSync(embeddedBinaries().pg_ctl, ['-D', folder, '-m', 'immediate', '-t', '10', 'stop'], {
        ...{ cwd: '/', stdio: 'ignore' },
        ...(uid !== undefined && gid !== undefined && { uid, gid }),
      });
    }
  } finally {
    removeFolder(home);
  }
}

function removeFolder(home: string): void {
  rmSync(home, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
}
