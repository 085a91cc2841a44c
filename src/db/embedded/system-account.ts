import { execFileSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  constants,
  existsSync,
  mkdirSync,
  type Stats,
  statSync,
} from 'node:fs';
import { dirname, parse } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { ignoreInGit } from '../../settings/home-folder.ts';

/** The user the server runs as; PostgreSQL refuses to run as root. */
export type SystemAccount = Readonly<{ name: string; uid: number; gid: number }>;

/**
 * Returns the account that runs the server of `dataDir`. Undefined means the current user, when
 * that is not root. For root, returns the owner of the data, else `postgres`, else `nobody` (as in
 * the Node images, which have no postgres).
 */
export function serverAccount(dataDir: string): SystemAccount | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const owner = statSync(dataDir, { throwIfNoEntry: false });
  if (owner !== undefined && owner.uid !== 0) {
    return { name: userName(owner.uid), uid: owner.uid, gid: owner.gid };
  }
  const account = lookUp('postgres') ?? lookUp('nobody');
  if (account !== undefined) return account;
  throw new HowdahError('EHOME', 'PostgreSQL refuses to run as root, and no other user exists.', {
    hint: 'Add one with `useradd --system postgres`, run howdah as another user, or set DATABASE_URL.',
  });
}

/**
 * Creates the folder so that `account` may enter it. Throws `EHOME` when the folder cannot be
 * created or written.
 */
export function makeHome(home: string, account: SystemAccount | undefined): void {
  try {
    const missing = missingFolders(home);
    mkdirSync(home, { recursive: true, mode: account ? 0o755 : 0o700 });
    // A strict umask of root would keep the server's account out of the new folders.
    if (account) for (const folder of missing) chmodSync(folder, 0o755);
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK);
    ignoreInGit(home);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new HowdahError('EHOME', `The folder ${home} cannot be created or written: ${reason}.`, {
      hint: 'Set HOWDAH_HOME to a folder you may write to, or set DATABASE_URL to use your own PostgreSQL.',
      cause,
    });
  }
}

/**
 * Throws `EHOME`, with the fix, unless `account` may enter every folder above `path` and `path`
 * itself.
 */
export function checkReachable(
  path: string,
  account: SystemAccount | undefined,
  what: string,
): void {
  if (account === undefined) return;
  const closed = withParents(path).find((folder) => !mayEnter(statSync(folder), account));
  if (closed === undefined) return;
  const message = `PostgreSQL runs as user ${account.name} because you are root, and ${account.name} may not enter ${closed}, where ${what} is.`;
  throw new HowdahError('EHOME', message, {
    hint: `Run \`chmod o+x ${closed}\`, or use a folder others may enter${
      what === 'HOWDAH_HOME' ? ', such as HOWDAH_HOME=/var/lib/howdah' : ''
    }, or run howdah as a user other than root.`,
    detail: { folder: closed, user: account.name },
  });
}

/**
 * Returns the error for a data folder that we may not read. PostgreSQL keeps its data folder at
 * mode 0700.
 */
export function belongsToAnother(dataDir: string, cause: unknown): HowdahError {
  const message = `${dataDir} cannot be read: it, or a folder above it, belongs to another user.`;
  return new HowdahError('EHOME', message, {
    hint: 'Run howdah as the user who first started it (or as root), or set HOWDAH_HOME to another folder.',
    cause,
  });
}

function mayEnter(stats: Stats, account: SystemAccount): boolean {
  if (stats.uid === account.uid) return (stats.mode & 0o100) !== 0;
  if (stats.gid === account.gid) return (stats.mode & 0o010) !== 0;
  return (stats.mode & 0o001) !== 0;
}

/** Returns the folders from the root of the file system down to `path`. */
function withParents(path: string): string[] {
  return path === parse(path).root ? [path] : [...withParents(dirname(path)), path];
}

function missingFolders(path: string): string[] {
  return withParents(path).filter((folder) => !existsSync(folder));
}

function lookUp(name: string): SystemAccount | undefined {
  const id = (flag: string) =>
    Number(
      execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  try {
    return { name, uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

function userName(uid: number): string {
  try {
    return execFileSync('id', ['-un', String(uid)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim();
  } catch {
    return String(uid);
  }
}
