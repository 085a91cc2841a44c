import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { HowdahError } from '../../contracts/errors.ts';
import { OUR_SCHEMAS } from './backup.ts';
import {
  type ClientPrograms,
  findPrograms,
  type ProgramPlaces,
  program,
} from './find-pg-programs.ts';
import { startProgram } from './pg-process.ts';

/** The description of a backup in a file of pg_dump. */
export type Archive = {
  file: string;
  programs: ClientPrograms;
  /** The version of the server that the backup was made on, and its major version. */
  server: string;
  serverMajor: number;
  createdAt: string;
  /** The migrations in the backup. */
  migrations: string[];
  /** Roles that own something in the backup, or are granted something. */
  roles: string[];
  /**
   * The table of contents in the form that pg_restore takes, without our schemas, which are created
   * before, and without indexes of vectors, which need an extension and are built again.
   */
  list: string;
};

const BEGINNING = 'PGDMP';

/**
 * Reads the table of contents. Throws `HWNTF` when the file does not exist, `HWINV` when the file
 * is no backup of Howdah, and `EPOSTGRES` without pg_restore.
 */
export async function readArchive(
  file: string,
  places: ProgramPlaces,
  targetMajor: number,
  signal: AbortSignal,
): Promise<Archive> {
  await refuseOther(file);
  // Any pg_restore reports which version wrote the file. An older pg_restore reports that it cannot
  // read the file.
  const any = await findPrograms(places, needOf(targetMajor));
  const contents = await listContents(any, file, signal);
  const [, server = '', serverMajor = ''] =
    /Dumped from database version: ((\d+)\S*)/.exec(contents) ?? [];
  const [, writtenBy = ''] = /Dumped by pg_dump version: (\d+)/.exec(contents) ?? [];
  const programs = await findPrograms(places, needOf(Math.max(Number(writtenBy), targetMajor)));
  const lines = contents.split('\n');
  if (!lines.some((line) => / SCHEMA - howdah /.test(line))) throw notOurs(file);
  return {
    ...{ file, programs, server, serverMajor: Number(serverMajor) },
    createdAt: /Archive created at (.*)/.exec(contents)?.[1] ?? '',
    migrations: await migrationsIn(programs, file, signal),
    roles: [
      ...new Set([...ownersIn(lines), ...(await granteesIn(programs, file, lines, signal))]),
    ].sort(),
    list: lines.filter((line) => !MADE_BEFORE.test(line) && !VECTOR_INDEX.test(line)).join('\n'),
  };
}

const MADE_BEFORE = new RegExp(`^\\d+; \\d+ \\d+ SCHEMA - (${OUR_SCHEMAS.join('|')}) \\S+$`);

const VECTOR_INDEX =
  /^\d+; \d+ \d+ (?:INDEX|COMMENT) howdah_private (?:INDEX )?chunk_embeddings_hnsw_[0-9a-f]+ /;

function needOf(atLeast: number) {
  const programs = ['pg_restore', 'psql'] as const;
  return { programs, atLeast, of: 'the newer of this file and this server' };
}

async function refuseOther(file: string): Promise<void> {
  const beginning = Buffer.alloc(BEGINNING.length);
  try {
    const opened = await open(file, 'r');
    await opened.read(beginning).finally(() => opened.close());
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const isAbsent = code === 'ENOENT' || code === 'ENOTDIR';
    throw new HowdahError(
      isAbsent ? 'HWNTF' : 'HWINV',
      isAbsent ? `there is no file ${file}` : `${file} cannot be read: ${message}`,
      { hint: 'Name a file written by howdah admin backup.', detail: { file }, cause },
    );
  }
  if (beginning.toString('latin1') !== BEGINNING) throw notOurs(file);
}

function notOurs(file: string): HowdahError {
  return new HowdahError('HWINV', `${file} is not a Howdah backup`, {
    hint: 'Name a file written by howdah admin backup, or by pg_dump in custom format with the schemas howdah, howdah_private, howdah_bounded and graphile_worker.',
    detail: { file },
  });
}

function listContents(
  programs: ClientPrograms,
  file: string,
  signal: AbortSignal,
): Promise<string> {
  return readOutput(programs, ['--list', file], signal);
}

async function migrationsIn(
  programs: ClientPrograms,
  file: string,
  signal: AbortSignal,
): Promise<string[]> {
  const only = ['--data-only', '--schema=howdah_private', '--table=migrations', '--file=-'];
  const sql = await readOutput(programs, [...only, file], signal);
  const [, rows = ''] = /^COPY .*FROM stdin;\n([\s\S]*?)^\\\.$/m.exec(sql) ?? [];
  return rows.split('\n').flatMap((row) => row.split('\t')[1] ?? []);
}

/**
 * Returns the last word of each entry. pg_restore quotes nothing here, so roles with a space in
 * their name are found only by their grants.
 */
function ownersIn(lines: readonly string[]): string[] {
  return lines.flatMap((line) => /^\d+; \d+ \d+ .* (\S+)$/.exec(line)?.[1] ?? []);
}

/** Returns the grantees. Reads only the entries with grants, which are in the table of contents. */
async function granteesIn(
  programs: ClientPrograms,
  file: string,
  lines: readonly string[],
  signal: AbortSignal,
): Promise<string[]> {
  const grants = lines.filter((line) => /^\d+; \d+ \d+ (DEFAULT )?ACL /.test(line));
  if (grants.length === 0) return [];
  return withList(grants.join('\n'), async (list) => {
    const sql = await readOutput(programs, [`--use-list=${list}`, '--file=-', file], signal);
    const found = sql.matchAll(
      /^(?:GRANT|ALTER DEFAULT) .* TO (?:"((?:[^"]|"")+)"|(\S+?))(?: WITH .*)?;$/gm,
    );
    return [...found].map(([, quoted, plain = '']) => quoted?.replaceAll('""', '"') ?? plain);
  }).then((names) => names.filter((name) => name !== 'PUBLIC'));
}

/** Writes a list of entries to a temporary file, because pg_restore takes the list as a file. */
export async function withList<T>(list: string, work: (path: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'howdah-'));
  try {
    const path = join(folder, 'contents');
    await writeFile(path, `${list}\n`, { mode: 0o600 });
    return await work(path);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function readOutput(
  programs: ClientPrograms,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string> {
  const stdio = { stdin: 'ignore', stdout: 'pipe' } as const;
  const { child, ended } = startProgram(program(programs, 'pg_restore'), args, stdio, signal);
  const [output] = await Promise.all([text(child.stdout as Readable), ended]);
  return output;
}
