import { randomBytes } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { type Binaries, majorVersion } from './binaries.ts';
import { runProgram } from './program.ts';
import type { SystemAccount } from './system-account.ts';

/** The owner of everything in the embedded server, and the name of its database. */
export const ownerName = 'howdah';

/**
 * Returns the owner's password, which is stored in the data folder. Throws `EHOME` when the
 * password cannot be read.
 */
export function readPassword(dataDir: string): string {
  const file = join(dataDir, 'howdah.password');
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new HowdahError(
      'EHOME',
      `The password of the embedded PostgreSQL cannot be read from ${file}.`,
      {
        hint: 'Run howdah as the user who first started it (or as root), or set HOWDAH_HOME to another folder.',
        cause,
      },
    );
  }
}

/**
 * Creates the data folder unless it exists. The cluster is built beside the folder and moved into
 * place whole, with the password. A crash therefore leaves no partial cluster. When two processes
 * do this at once, one wins and both continue with its cluster.
 */
export async function ensureCluster(
  dataDir: string,
  binaries: Binaries,
  account: SystemAccount | undefined,
  log: (line: string) => void,
): Promise<void> {
  const major = majorVersion(binaries);
  if (existsSync(dataDir)) {
    if (readdirSync(dataDir).length > 0) return checkVersion(dataDir, major);
  }
  log(`Creating a PostgreSQL ${major} database in ${dataDir} (once; takes a moment).`);
  if (account?.name === 'nobody') {
    log('It runs as user nobody. To give it its own user, run `useradd --system postgres` first.');
  }
  removeAbandoned(dataDir);
  const building = `${dataDir}.${process.pid}.${randomBytes(4).toString('hex')}.new`;
  try {
    await buildCluster(building, binaries, account, major);
    moveIntoPlace(building, dataDir);
  } finally {
    rmSync(building, { recursive: true, force: true });
    rmSync(`${building}.password`, { force: true });
  }
}

function checkVersion(dataDir: string, major: number): void {
  const file = join(dataDir, 'PG_VERSION');
  if (!existsSync(file)) {
    throw new HowdahError('EHOME', `${dataDir} is not empty and contains no PostgreSQL data.`, {
      hint: 'Move it away, or set HOWDAH_HOME to another folder.',
    });
  }
  const found = readFileSync(file, 'utf8').trim();
  if (Number(found) === major) return;
  throw new HowdahError(
    'EHOME',
    `${dataDir} was created by PostgreSQL ${found}, but this is PostgreSQL ${major}.`,
    {
      hint: `Set HOWDAH_HOME to a new folder and copy the data with pg_dump, or run it with PostgreSQL ${found} and DATABASE_URL.`,
    },
  );
}

async function buildCluster(
  building: string,
  binaries: Binaries,
  account: SystemAccount | undefined,
  major: number,
): Promise<void> {
  const passwordFile = `${building}.password`;
  mkdirSync(building, { mode: 0o700 });
  writeFileSync(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  if (account) {
    for (const path of [building, passwordFile]) chownSync(path, account.uid, account.gid);
  }
  const fixed = ['-D', building, `--username=${ownerName}`, '--encoding=UTF8', '--no-instructions'];
  const login = ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  let output = '';
  for (const locale of locales(major)) {
    const result = await runProgram(binaries.initdb, [...fixed, ...login, ...locale], account);
    if (result.ok) return renameSync(passwordFile, join(building, 'howdah.password'));
    output = result.output;
  }
  throw new HowdahError('EPOSTGRES', 'initdb could not create a PostgreSQL database.', {
    hint: 'See its messages above, or set DATABASE_URL to use your own PostgreSQL.',
    detail: output.trim(),
  });
}

/**
 * Returns the locale options of initdb: sorting by code point and Unicode case mapping, the same on
 * every system. The second choice is for systems whose C library has no C.UTF-8. PostgreSQL 15 and
 * 16 have no builtin provider.
 */
function locales(major: number): string[][] {
  if (major < 17) return [['--locale=C', '--lc-ctype=C.UTF-8'], ['--locale=C']];
  const builtin = '--locale-provider=builtin';
  return [
    [builtin, '--locale=C.UTF-8'],
    [builtin, '--locale=C', '--builtin-locale=C.UTF-8'],
  ];
}

function moveIntoPlace(building: string, dataDir: string): void {
  try {
    renameSync(building, dataDir);
  } catch (error) {
    // Another process was first: its cluster is as good as ours.
    if (!existsSync(join(dataDir, 'PG_VERSION'))) throw error;
  }
}

/** Removes the files of processes that were killed while they built a cluster. */
function removeAbandoned(dataDir: string): void {
  const home = dirname(dataDir);
  for (const name of readdirSync(home)) {
    const pid = /^postgres\.(\d+)\.\w+\.new(\.password)?$/.exec(name)?.[1];
    if (pid !== undefined && !existsProcess(Number(pid))) {
      removeQuietly(join(home, name));
    }
  }
}

/**
 * Removes a path if possible. An initdb whose parent was killed may still be writing. The next
 * start removes the rest.
 */
function removeQuietly(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {}
}

function existsProcess(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
