import { existsSync } from 'node:fs';
import { open, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { type Client, createClient } from '../connection/pool.ts';
import { refusePooler } from '../connection/pooler-check.ts';
import { fsyncParentOf } from '../retention/fsync-parent.ts';
import {
  type ClientPrograms,
  findPrograms,
  type ProgramPlaces,
  program,
} from './find-pg-programs.ts';
import { interruptionError, startProgram, withPasswordFile } from './pg-process.ts';

/** The schemas with the whole state of an installation. */
export const OUR_SCHEMAS = [
  'howdah',
  'howdah_private',
  'howdah_bounded',
  'graphile_worker',
] as const;

/** The maximum wait for tables that a migration has locked. The backup then reports the lock. */
const LOCK_WAIT_MS = 60_000;

export type BackupRequest = Readonly<{
  url: string;
  file: string;
  /** All schemas of the database, not only ours. */
  isWhole: boolean;
  places: ProgramPlaces;
  signal: AbortSignal;
}>;

/** The written backup, and the parts of the installation that are elsewhere. */
export type BackupReport = {
  file: string;
  bytes: number;
  seconds: number;
  server: string;
  /** The version of pg_dump; null for a copy of the embedded server. */
  pg_dump: string | null;
  /** Null for the whole database. */
  schemas: string[] | null;
  /** The last migration in the backup. */
  migration: string;
  /** Runs that have not ended, by status. */
  live_runs: Record<string, number>;
  left_out: LeftOut;
};

/** The parts of an installation that are not in the file. */
export type LeftOut = {
  /** The fingerprints of the master keys that open the secrets in the file. */
  secret_keys: string[];
  /** Watched tables, and functions of tools, in schemas that are not in the file. */
  watched_tables: string[];
  functions: string[];
  /** The number of files of resources that are stored in a folder. */
  files: number;
  /** Logins that are bound to tenants. Logins belong to the server and not to the database. */
  logins: string[];
};

/**
 * Writes the database into one file by pg_dump, while everything keeps running. The file contains
 * the database as of one moment. The file gets its name only when it is whole, and nobody else may
 * read it. Throws `HWCNF` when the file exists, `HWDEN` for a login whose rows row-level security
 * limits, and `EPOSTGRES` when pg_dump is missing, too old or fails.
 */
export async function backUp(request: BackupRequest): Promise<BackupReport> {
  const startedAt = performance.now();
  const file = resolve(request.file);
  await refusePooler(request.url, 'howdah-backup');
  const client = createClient({ url: request.url, applicationName: 'howdah-backup' });
  client.on('error', () => {});
  await client.connect();
  try {
    const server = await readServer(client);
    refuseBlind(server);
    const programs = await findPrograms(request.places, {
      ...{ programs: ['pg_dump'], atLeast: server.major, of: 'this server' },
    });
    const part = await makePart(file);
    try {
      const snapshot = await describeSnapshot(client, request.isWhole);
      await dump(request, programs, part, snapshot);
      const { size } = await stat(part);
      refuseTaken(file);
      await rename(part, file);
      await fsyncParentOf(file); // pg_dump has put the bytes on the disk
      return {
        ...{ file, bytes: size, seconds: (performance.now() - startedAt) / 1000 },
        ...{ server: server.version, pg_dump: programs.version },
        ...{ schemas: request.isWhole ? null : snapshot.schemas, migration: snapshot.migration },
        ...{ live_runs: snapshot.live_runs, left_out: snapshot.left_out },
      };
    } finally {
      await rm(part, { force: true });
    }
  } finally {
    await client.end().catch(() => {});
  }
}

type Server = { version: string; major: number; login: string; passes: boolean };

async function readServer(client: Client): Promise<Server> {
  const { rows } = await client.query<Server>(
    `select current_setting('server_version') as version, current_setting('server_version_num')::int / 10000 as major,
       r.rolname as login, r.rolsuper or r.rolbypassrls as passes
     from pg_catalog.pg_roles as r where r.rolname = current_user`,
  );
  return rows[0] as Server;
}

/**
 * Rejects a login that row-level security applies to. pg_dump reads the partitions of a table one
 * by one, and on these no policy lets even their owner see a row. pg_dump would refuse, or miss the
 * rows.
 */
function refuseBlind({ login, passes }: Server): void {
  if (passes) return;
  throw new HowdahError(
    'HWDEN',
    `the login ${login} cannot back up: row-level security hides rows from it`,
    {
      hint: 'Use a superuser, or a member of howdah_owner with BYPASSRLS, which only a superuser can grant. Use that login for backups only, not in DATABASE_URL of running processes.',
      detail: { login },
    },
  );
}

/** Throws `HWCNF` for a path that exists. */
export function refuseTaken(file: string): void {
  if (!existsSync(file)) return;
  throw new HowdahError(
    'HWCNF',
    `the file ${file} already exists, and a backup does not overwrite files`,
    {
      hint: 'Name another file, or move the existing file.',
      detail: { file },
    },
  );
}

/**
 * Creates the partial file in the folder of the final file, so that it can be renamed. Nobody else
 * may read it from its first byte on, because it contains what people said.
 */
async function makePart(file: string): Promise<string> {
  refuseTaken(file);
  const part = `${file}.${process.pid}.part`;
  await open(part, 'wx', 0o600)
    .then((made) => made.close())
    .catch((cause: NodeJS.ErrnoException) => {
      const reason =
        cause.code === 'ENOENT' ? `there is no folder ${dirname(file)}` : cause.message;
      throw new HowdahError('EUSAGE', `${file} cannot be written: ${reason}`, {
        hint: 'Name a file in a folder that exists and is writable.',
        detail: { file, code: cause.code ?? null },
        cause,
      });
    });
  return part;
}

type Snapshot = Pick<BackupReport, 'migration' | 'live_runs' | 'left_out'> & {
  id: string;
  schemas: string[];
};

/**
 * Begins the transaction whose snapshot pg_dump uses, so that the report describes the content of
 * the file.
 */
export async function describeSnapshot(client: Client, isWhole: boolean): Promise<Snapshot> {
  await client.query('begin isolation level repeatable read read only');
  const { rows } = await client.query<Omit<Snapshot, 'schemas'> & { own: string[] }>(SNAPSHOT, [
    isWhole,
    OUR_SCHEMAS,
  ]);
  const { own, ...snapshot } = rows[0] as (typeof rows)[0];
  return { ...snapshot, schemas: [...OUR_SCHEMAS, ...own] };
}

/**
 * Statement that reads the snapshot. Schemas of functions that agent systems brought along are ours
 * too.
 */
const SNAPSHOT = `
  with own as (
    select distinct s.name::text as name from howdah.agent_systems as s
    join pg_catalog.pg_namespace as n on n.nspname = s.name where s.functions <> '{}'
  ),
  known as (select o.name from own as o union all select unnest($2::text[]))
  select pg_export_snapshot() as id,
    array(select o.name from own as o order by 1) as own,
    (select m.name from howdah_private.migrations as m order by m.id desc limit 1) as migration,
    (select coalesce(json_object_agg(l.status, l.runs)::jsonb, '{}') from (
      select e.status, count(*) as runs from howdah.executions as e
      where e.status in ('queued', 'running', 'waiting', 'paused') group by e.status) as l) as live_runs,
    jsonb_build_object(
      'secret_keys', array(select distinct k.wrapped_by from howdah_private.data_keys as k order by 1),
      'watched_tables', array(
        select distinct w.table_name from (
          select t.table_name from howdah.table_triggers as t
          union all -- by their triggers, since a database of an earlier migration lacks the table
          select format('%I.%I', n.nspname, c.relname) from pg_catalog.pg_trigger as g
          join pg_catalog.pg_proc as p on p.oid = g.tgfoid and p.proname = 'tg__watch_knowledge'
          join pg_catalog.pg_class as c on c.oid = g.tgrelid
          join pg_catalog.pg_namespace as n on n.oid = c.relnamespace
        ) as w
        where not $1 and not exists (select from known as k where starts_with(w.table_name, quote_ident(k.name) || '.'))
        order by 1),
      'functions', array(
        select distinct t.configuration ->> 'signature' from howdah.tools as t
        where t.kind = 'sql' and not $1 and t.configuration ->> 'schema' not in (select k.name from known as k)
        order by 1),
      'files', (select count(*) from howdah.resources as r where r.storage_path is not null),
      'logins', array(select l.login::text from howdah_private.login_tenants as l order by 1)
    ) as left_out`;

async function dump(
  { url, isWhole, signal }: BackupRequest,
  programs: ClientPrograms,
  part: string,
  { id, schemas }: Snapshot,
): Promise<void> {
  const only = schemas.map((name) => `--schema="${name.replaceAll('"', '""')}"`);
  await withPasswordFile(url, async (address) => {
    const { ended } = startProgram(
      program(programs, 'pg_dump'),
      [
        ...['--format=custom', '--no-password', `--lock-wait-timeout=${LOCK_WAIT_MS}`],
        ...[`--snapshot=${id}`, ...(isWhole ? [] : only), `--file=${part}`, `--dbname=${address}`],
      ],
      { stdin: 'ignore', stdout: 'ignore' },
      signal,
    );
    await ended.catch((error: unknown) => {
      throw signal.aborted ? interruptionError() : error;
    });
  });
}
