import { execFile } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { HowdahError } from '../../contracts/errors.ts';

/** Where the client programs of PostgreSQL are looked for. */
export type ProgramPlaces = Readonly<{
  /** The only place, when somebody has named it. */
  pgBin: string | undefined;
  path: readonly string[];
}>;

/** A folder with client programs of one version. */
export type ClientPrograms = Readonly<{ folder: string; major: number; version: string }>;

/** What is asked of them: pg_dump reads servers that are as old as itself or older, pg_restore files of such a pg_dump. */
export type ProgramNeed = Readonly<{
  programs: readonly [ProgramName, ...ProgramName[]];
  atLeast: number;
  /** What is of that major: `this server`. */
  of: string;
  /** Older ones will do where there are no others: the newest of them. */
  orOlder?: true;
  /** For the hint: what does without them. */
  without?: string;
}>;

type ProgramName = 'pg_dump' | 'pg_restore' | 'psql' | 'pgbench';

/** Where packages of PostgreSQL put the programs of a major, one folder for each. */
const INSTALLED: readonly [parent: string, below: string][] = [
  ['/usr/lib/postgresql', 'bin'],
  ['/opt/homebrew/opt', 'bin'],
  ['/usr/local/opt', 'bin'],
  ['/Applications/Postgres.app/Contents/Versions', 'bin'],
  ['C:\\Program Files\\PostgreSQL', 'bin'],
];

/**
 * The programs that are nearest to what is needed: those of the same major, else the next newer ones, so that what they write can be
 * read by as many as possible. Throws `EPOSTGRES` with the versions there are and the fix when none will do.
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

/** The path of one of them. */
export function program({ folder }: { folder: string }, name: ProgramName): string {
  return join(folder, process.platform === 'win32' ? `${name}.exe` : name);
}

function foldersOf(path: readonly string[]): string[] {
  const installed = INSTALLED.flatMap(([parent, below]) =>
    entriesOf(parent).map((entry) => join(parent, entry, below)),
  );
  // Red Hat's are called pgsql-18 and stand in /usr itself
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

/** Nothing for a folder whose program does not run. */
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
      `Install the client programs of PostgreSQL ${atLeast}${orOlder ? '' : ' or newer'} (Debian: postgresql-client-${atLeast}), or say where they are: --pg-bin FOLDER, or HOWDAH_PG_BIN.`,
      ...(without ? [without] : []),
    ].join(' '),
    detail: { needed: atLeast, found: found.map(({ folder, version }) => ({ folder, version })) },
  });
}
