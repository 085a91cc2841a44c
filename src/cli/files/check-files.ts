import { HowdahError } from '../../contracts/errors.ts';
import { createPool, inTenant } from '../../db/connection/pool.ts';
import { faultOf } from '../../db/connection/sqlstate.ts';
import { lookAtEmbedded } from '../../db/embedded/embedded.ts';
import { withScratch } from '../../db/embedded/scratch.ts';
import { queriesOn } from '../../db/queries/queries.ts';
import { migrationStatus } from '../../db/schema/migrate.ts';
import { type SchemaState, schemaState } from '../../db/schema/schema-state.ts';
import { replaceProviderReports } from '../../db/worker/provider-reports.ts';
import { reportAllUsable } from '../../providers/report.ts';
import {
  checkFile,
  type FileCheck,
  type SystemFile,
  type Tried,
  trySystems,
} from '../../systems/apply.ts';
import type { Api } from '../backend/connect-server.ts';
import { noSchema, refuseServer } from '../backend/with-database.ts';
import { tenantOf } from '../input/resolve-tenant.ts';
import { type ErrorReport, reportOf } from '../output/exit-codes.ts';
import type { CliIo } from '../output/output.ts';

/** The result of one file. Without warnings, the file was not checked completely. */
export type Checked = Omit<Tried, 'plan'> & { warnings?: readonly string[] };

export type Check = {
  /**
   * The place where referenced names were looked up. `none`: no database was needed, or none was
   * available.
   */
  checked_in: 'database' | 'server' | 'scratch' | 'none';
  files: Checked[];
  /** The reason why only the files themselves could be checked. */
  problem?: ErrorReport;
};

type Options = { tenant?: string; offline?: true };
/** The options, and the server if one is used in place of the database. */
type Where = Options & { api?: Api | undefined };

/** The milliseconds after which the creation of a database is reported. */
const UNNOTICED_MS = 300;
const UNDONE = Symbol('undone');
const OFFLINE = 'To check without a database: --offline.';

/**
 * Applies the files to the database that an apply would use, if it is available, and rolls back.
 * Otherwise applies them to an empty tenant of a database that is made for this purpose. Faults of
 * a file itself are found without a database.
 */
export async function checkFiles(
  io: CliIo,
  files: readonly SystemFile[],
  options: Where,
): Promise<Check> {
  const own = await Promise.all(files.map(checkFile));
  if (own.every(({ counts }) => counts === undefined)) return { checked_in: 'none', files: own };
  try {
    return await checkBeside(io, own, options);
  } catch (error) {
    const problem = reportOf(error);
    const hasOwnFaults = own.some(({ faults }) => faults.length > 0);
    if (!hasOwnFaults || ['EINTERRUPTED', 'EUSAGE'].includes(problem.code)) throw error;
    return { checked_in: 'none', files: own, problem };
  }
}

async function checkBeside(io: CliIo, own: readonly FileCheck[], options: Where): Promise<Check> {
  const files = own.map(({ file }) => file);
  if (options.api) return { checked_in: 'server', files: await tryOnServer(options.api, files) };
  const url = options.offline ? undefined : await urlOf(io);
  if (url !== undefined) {
    await refuseOther(url);
    const tried = await tryIn(url, files, options.tenant);
    return { checked_in: 'database', files: tried.map(checkedOf) };
  }
  if (options.tenant !== undefined) {
    throw new HowdahError('EUSAGE', '--tenant needs a database, but no database is used', {
      hint: 'Name the database with --database-url or DATABASE_URL, or omit --tenant.',
      detail: { field: '--tenant' },
    });
  }
  return { checked_in: 'scratch', files: (await tryInScratch(io, own)).map(checkedOf) };
}

function checkedOf({ plan, ...tried }: Tried): Checked {
  return { ...tried, ...(plan && { warnings: plan.warnings }) };
}

/**
 * Checks the files on a server, which returns what it would return to an apply. Faults have their
 * places in the local files.
 */
async function tryOnServer(api: Api, files: readonly SystemFile[]): Promise<Checked[]> {
  const sent = files.map(({ name, text, parts }) => ({
    ...{ name, text },
    ...(parts && { parts: [...parts] }),
  }));
  const { files: tried } = await api.call('checkAgentSystems', { body: { files: sent } });
  return files.map((file, place) => {
    const { faults = [], counts, valid, warnings } = tried[place] ?? {};
    return { file, faults, counts, ...(valid && { warnings: warnings ?? [] }) };
  });
}

/**
 * Returns the URL of the database of this environment. Returns undefined for the embedded database
 * if it does not run or has never been used.
 */
async function urlOf(io: CliIo): Promise<string | undefined> {
  const { databaseUrl, home } = await io.config();
  await refuseServer(io, OFFLINE);
  if (databaseUrl !== undefined) return databaseUrl;
  const found = lookAtEmbedded(home);
  return found.state === 'ready' && (await stateOf(found.url)).isThere ? found.url : undefined;
}

/**
 * Throws if the schema does not match this program. Nothing is migrated, because a check of files
 * must not change a schema.
 */
async function refuseOther(url: string): Promise<void> {
  const { isThere, isOwner } = await stateOf(url);
  if (!isThere) throw noSchema(url, OFFLINE);
  if (!isOwner) return;
  const { pending, newer, sql } = await migrationStatus(url);
  if (newer.length > 0 || (pending.length === 0 && sql === 'current')) return;
  throw new HowdahError('HWCNF', 'the schema of this database is older than this program', {
    hint: `Migrate it: howdah migrate up. ${OFFLINE}`,
    detail: { pending },
  });
}

function stateOf(url: string): Promise<SchemaState> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1 });
  return schemaState(pool).finally(() => pool.end());
}

/**
 * Applies the files in a transaction that is rolled back, so that a file finds what an earlier file
 * describes.
 */
async function tryIn(url: string, files: readonly SystemFile[], slug?: string): Promise<Tried[]> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1 });
  let tried: Tried[] = [];
  try {
    const { id } = await tenantOf(queriesOn(pool), slug);
    await inTenant(pool, id, async (client) => {
      tried = await trySystems(client, files);
      throw UNDONE;
    }).catch((error) => {
      if (error !== UNDONE) throw error;
    });
    return tried;
  } finally {
    await pool.end();
  }
}

async function tryInScratch(io: CliIo, own: readonly FileCheck[]): Promise<Tried[]> {
  const { migrateDatabase } = await import('../../bootstrap.ts');
  const stopped = new AbortController();
  io.onInterrupt(() => stopped.abort());
  const telling = setTimeout(() => {
    io.err('Creating a temporary empty database for the check (takes a few seconds).');
  }, UNNOTICED_MS);
  try {
    return await withScratch(async (url) => {
      refuseStopped(stopped.signal);
      await migrateDatabase(url);
      refuseStopped(stopped.signal);
      await assumeKeys(url, own);
      return tryIn(
        url,
        own.map(({ file }) => file),
      );
    });
  } finally {
    clearTimeout(telling);
  }
}

/**
 * Inserts the secrets that files name, and reports packages and keys of all vendors of models, and
 * the packages that files name. Files contain none of these, so all are assumed to exist.
 */
async function assumeKeys(url: string, files: readonly FileCheck[]): Promise<void> {
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 1 });
  try {
    const { id } = await tenantOf(queriesOn(pool), undefined);
    await replaceProviderReports(
      pool,
      'cli',
      reportAllUsable(files.flatMap((file) => file.providers)),
    );
    for (const name of new Set(files.flatMap(({ secrets }) => secrets))) {
      await pool
        .query(`insert into howdah.secrets (tenant_id, name, fingerprint) values ($1, $2, '')`, [
          id,
          name,
        ])
        .catch((error: unknown) => {
          if (!/^2[23]/.test(faultOf(error).code)) throw error; // no secret can have this name
        });
    }
  } finally {
    await pool.end();
  }
}

function refuseStopped({ aborted }: AbortSignal): void {
  if (aborted)
    throw new HowdahError('EINTERRUPTED', 'interrupted; the temporary database was removed');
}
