import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { HowdahError } from '../../contracts/errors.ts';
import { type Client, onConnection } from '../connection/pool.ts';
import { OUR_ROLES } from '../schema/foreign-objects.ts';
import { refusePreview } from '../schema/schema-state.ts';
import { OUR_SCHEMAS } from './backup.ts';
import { type ProgramPlaces, program } from './find-pg-programs.ts';
import {
  interruptionError,
  type RunningProgram,
  startProgram,
  withPasswordFile,
} from './pg-process.ts';
import { type Archive, readArchive, withList } from './read-dump.ts';
import { AFTER_CONTENTS, beforeContents, PAUSED } from './restore-sql.ts';

export type RestoreRequest = Readonly<{
  url: string;
  file: string;
  /** True for a copy beside the original: nothing in the copy continues by itself. */
  isPaused: boolean;
  places: ProgramPlaces;
  /** The migrations this build knows. */
  known: readonly string[];
  signal: AbortSignal;
}>;

/** The description of a restored backup. */
export type RestoredBackup = Pick<Archive, 'server' | 'createdAt'> & { pg_restore: string | null };

/**
 * Restores a backup in one transaction: a truncated file or a killed process leaves nothing. The
 * schema is that of the backup, and the caller brings it up to date. Throws `HWCNF` for a database
 * that has a Howdah, for a newer schema and for missing roles. Also throws the errors of reading
 * the file.
 */
export async function restore(request: RestoreRequest): Promise<RestoredBackup> {
  const connection = { url: request.url, applicationName: 'howdah-restore' };
  const target = await onConnection(connection, async (client) => {
    await refuseTaken(client);
    const { rows } = await client.query<{ major: number }>(
      `select current_setting('server_version_num')::int / 10000 as major`,
    );
    return rows[0] as { major: number };
  });
  const archive = await readArchive(request.file, request.places, target.major, request.signal);
  refuseNewer(archive, target.major, request.known);
  await onConnection(connection, (client) => refuseMissingRoles(client, archive.roles));
  await pour(request, archive);
  const { server, createdAt, programs } = archive;
  return { server, createdAt, pg_restore: programs.version };
}

async function refuseTaken(client: Client): Promise<void> {
  const { rows } = await client.query<{ database: string; schemas: string[] }>(
    `select current_database() as database, array(
       select n.nspname::text from pg_catalog.pg_namespace as n where n.nspname = any ($1) order by 1) as schemas`,
    [OUR_SCHEMAS],
  );
  const [{ database, schemas } = { database: '', schemas: [] }] = rows;
  if (schemas.length === 0) return;
  const what =
    schemas.length === 1 ? `the schema ${schemas[0]}` : `the schemas ${schemas.join(', ')}`;
  throw new HowdahError(
    'HWCNF',
    `the database ${database} already has ${what}, and a restore does not replace existing data`,
    {
      hint: `Restore into an empty database: createdb NAME, then use --into with its URL. To delete everything in ${database}, run: howdah migrate down --all`,
      detail: { database, schemas },
    },
  );
}

function refuseNewer(archive: Archive, targetMajor: number, known: readonly string[]): void {
  if (archive.serverMajor > targetMajor) {
    throw new HowdahError(
      'HWCNF',
      `the backup was made with PostgreSQL ${archive.server}, but this server is version ${targetMajor}`,
      { hint: `Restore it into a server of PostgreSQL ${archive.serverMajor} or newer.` },
    );
  }
  refusePreview(archive.migrations, 'the backup');
  const newer = archive.migrations.filter((name) => !known.includes(name));
  if (newer.length === 0) return;
  throw new HowdahError('HWCNF', 'the schema in the backup is newer than this program', {
    hint: `Use the release that made the backup, or a newer one. This release does not know ${newer.join(', ')}.`,
    detail: { newer },
  });
}

async function refuseMissingRoles(client: Client, roles: readonly string[]): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `select r.name from unnest($1::text[]) as r (name)
     where r.name !~ $2 and not exists (select from pg_catalog.pg_roles as p where p.rolname = r.name)`,
    [roles, OUR_ROLES],
  );
  if (rows.length === 0) return;
  const names = rows.map(({ name }) => name);
  throw new HowdahError(
    'HWCNF',
    `the backup names roles that this server does not have: ${names.join(', ')}`,
    {
      hint: `These roles own objects or have grants in the backup. Create them (createuser --no-login NAME, or with their original passwords) and restore again.`,
      detail: { roles: names },
    },
  );
}

/**
 * Pipes the SQL of pg_restore into psql. The commit is ours and is sent when pg_restore has ended.
 */
async function pour({ url, isPaused, signal }: RestoreRequest, archive: Archive): Promise<void> {
  const { programs, file, list } = archive;
  await withPasswordFile(url, (address) =>
    withList(list, async (contents) => {
      const ending = new AbortController();
      const either = AbortSignal.any([signal, ending.signal]);
      const psql = startProgram(
        program(programs, 'psql'),
        ['-X', '-q', '-w', '-v', 'ON_ERROR_STOP=1', '-f', '-', '-d', address],
        { stdin: 'pipe', stdout: 'ignore' },
        either,
      );
      const reading = startProgram(
        program(programs, 'pg_restore'),
        [`--use-list=${contents}`, '--file=-', file],
        { stdin: 'ignore', stdout: 'pipe' },
        either,
      );
      const sink = psql.child.stdin as Writable;
      sink.on('error', () => {}); // psql has ended and reports why
      try {
        sink.write(beforeContents());
        await Promise.race([
          pipeline(reading.child.stdout as Readable, sink, { end: false }),
          psql.ended.then(() => Promise.reject(new Error('psql ended unexpectedly'))),
        ]);
        await reading.ended;
        sink.end(`${AFTER_CONTENTS}${isPaused ? PAUSED : ''}commit;\n`);
        await psql.ended;
      } catch (error) {
        ending.abort();
        const [fault] = await faults([psql, reading]);
        throw signal.aborted ? interruptionError() : (fault ?? error);
      }
    }),
  );
}

/** Returns the errors of the programs, except of those that were stopped. */
async function faults(running: readonly RunningProgram[]): Promise<unknown[]> {
  const ends = await Promise.allSettled(running.map(({ ended }) => ended));
  return ends.flatMap((end) =>
    end.status === 'rejected' && end.reason.code !== 'EINTERRUPTED' ? [end.reason] : [],
  );
}
