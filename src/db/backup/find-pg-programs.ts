import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HowdahError } from '../../contracts/errors.ts';

/** The places to search for the client programs of PostgreSQL. */
export type ProgramPlaces = Readonly<{
  /** The only place to search, when one is configured. */
  pgBin: string | undefined;
  path: readonly string[];
}>;

/** A folder with client programs of one version. */
export type ClientPrograms = Readonly<{ folder: string; major: number; version: string }>;

/**
 * The requirements on the programs. pg_dump reads servers of its own version or older. pg_restore
 * reads files of such a pg_dump.
 */
export type ProgramNeed = Readonly<{
  programs: readonly [ProgramName, ...ProgramName[]];
  atLeast: number;
  /** The thing with that major version: `this server`. */
  of: string;
  /** Allows older programs where there are no others. The newest of them is used. */
  orOlder?: true;
  /** Text for the hint about an alternative that does not need the programs. */
  without?: string;
}>;

type ProgramName = 'pg_dump' | 'pg_restore' | 'psql' | 'pgbench';

/** Folders where packages of PostgreSQL install the programs, one folder for each major version. */
const INSTALLED: readonly [parent: string, below: string][] = [
  ['/usr/lib/postgresql', 'bin'],
  ['/opt/homebrew/opt', 'bin'],
  ['/usr/local/opt', 'bin'],
  ['/Applications/Postgres.app/Contents/Versions', 'bin'],
  ['C:\\Program Files\\PostgreSQL', 'bin'],
];

/**
 * Returns the programs nearest to the requirement: the same major version, or else the next newer
 * one, so that their output is readable by as many versions as possible. Throws `EPOSTGRES` with
 * the found versions and the fix when no version is suitable.
 */
export async function findPrograms(
  places: ProgramPlaces,
  need: ProgramNeed,
): Promise<ClientPrograms> {
  const folders = places.pgBin === undefined ? foldersOf(places.path) : [places.pgBin];
  const complete = folders.filter((folder) =>
    need.programs.every((name) => existsSync(program({ folder }, name))),
  );
  const found = (await Promise.all(complete.map((folder) => versionIn(folder, need)))).flat();
  const byAge = found.toSorted((a, b) => a.major - b.major);
  const nearest =
    byAge.find(({ major }) => major >= need.atLeast) ?? (need.orOlder && byAge.at(-1));
  if (nearest) return nearest;
  throw tooOld(places, need, found);
}

/** Returns the path of a program. */
export function program({ folder }: { folder: string }, name: ProgramName): string {
  return join(folder, process.platform === 'win32' ? `${name}.exe` : name);
}

function foldersOf(path: readonly string[]): string[] {
  const installed = INSTALLED.flatMap(([parent, below]) =>
    entriesOf(parent).map((entry) => join(parent, entry, below)),
  );
  // The folders of Red Hat have names such as pgsql-18 and are in /usr itself.
  const redHat = entriesOf('/usr')
    .filter((entry) => entry.startsWith('pgsql-'))
    .map((entry) => join('/usr', entry, 'bin'));
  return [...new Set([...path, ...installed, ...redHat])];
}

function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Returns the version in a folder, or nothing for a folder whose program does not run. */
async function versionIn(folder: string, need: ProgramNeed): Promise<ClientPrograms[]> {
  const [name] = need.programs;
  try {
    const { stdout } = await promisify(execFile)(program({ folder }, name), ['--version']);
    const [, version = '', major = ''] = /((\d+)(?:\.\d+|[a-z]+\d*)?)/.exec(stdout) ?? [];
    return major === '' ? [] : [{ folder, version, major: Number(major) }];
  } catch {
    return [];
  }
}

function tooOld(
  { pgBin }: ProgramPlaces,
  { programs, atLeast, of, orOlder, without }: ProgramNeed,
  found: readonly ClientPrograms[],
): HowdahError {
  const [name] = programs;
  const wanted = orOlder ? '' : ` of PostgreSQL ${atLeast}`;
  const newest = [...found].sort((a, b) => b.major - a.major)[0];
  const message = newest
    ? `${of} is PostgreSQL ${atLeast}, and ${pgBin === undefined ? `the newest ${name} found` : `the ${name} there`} is ${newest.version} (${newest.folder})`
    : `${programs.join(' and ')}${wanted} ${programs.length > 1 ? 'are' : 'is'} needed, and ${pgBin === undefined ? 'none was found' : `not in ${pgBin}`}`;
  return new HowdahError('EPOSTGRES', message, {
    hint: [
      `Install the client programs of PostgreSQL ${atLeast}${orOlder ? '' : ' or newer'} (Debian: postgresql-client-${atLeast}), or set their folder with --pg-bin FOLDER or HOWDAH_PG_BIN.`,
      ...(without ? [without] : []),
    ].join(' '),
    detail: { needed: atLeast, found: found.map(({ folder, version }) => ({ folder, version })) },
  });
}
