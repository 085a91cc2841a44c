import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import type { DecryptRows } from '../../db/connection/decrypt-results.ts';
import { createPool, type Pool } from '../../db/connection/pool.ts';
import { faultOf } from '../../db/connection/sqlstate.ts';
import { type Queries, queriesOn } from '../../db/queries/queries.ts';
import { type SchemaState, schemaState } from '../../db/schema/schema-state.ts';
import type { CliIo } from '../output/output.ts';
import { openContents } from './database/open-contents.ts';
import { reportProvidersOfHost } from './database/report-providers.ts';
import { NO_PROFILE, resolveServer } from './profile-file.ts';

export type CliDatabase = {
  url: string;
  config: Config;
  /** Connections whose results have decrypted contents of runs. */
  pool: Pool;
  db: Queries;
  /** Decrypts contents of runs, for further connections. */
  decrypt: DecryptRows;
  /**
   * True if the login administers the whole database. Any other login is a guest, with the rights
   * of its roles and of its tenant.
   */
  isOwner: boolean;
};

/**
 * Returns the database of a command: the named one, else the embedded one, which is started if
 * needed, and created if `createsDatabase`. Throws `EUSAGE` if a server is chosen instead, because
 * the command cannot use a server. Commands that are servers themselves (`start`, `worker`, `api`,
 * `migrate`, `db`) never use another server.
 */
export async function openChosenDatabase(io: CliIo, { createsDatabase = false } = {}) {
  await refuseServer(io);
  const { openDatabase } = await import('../../bootstrap.ts');
  const config = await io.config();
  if (!createsDatabase) await requireDatabase(config);
  return openDatabase(config, io.err);
}

/**
 * Throws `HWNTF` if no database is named and no embedded one exists, so that a command that only
 * reads does not create one.
 */
export async function requireDatabase({ databaseUrl, home }: Config): Promise<void> {
  if (databaseUrl !== undefined) return;
  const { lookAtEmbedded } = await import('../../db/embedded/embedded.ts');
  if (lookAtEmbedded(home).state !== 'none') return;
  throw new HowdahError('HWNTF', `there is no database yet: ${home} has none`, {
    hint: 'Create it: howdah start, or howdah demo for a tour. To use another database, set DATABASE_URL, or HOWDAH_HOME to its folder.',
    detail: { home },
  });
}

type DatabaseOptions = Partial<
  Record<
    'createsDatabase' | 'installsSchema' | 'ignoresServers' | 'writesModels' | 'preloadWorker',
    boolean
  >
>;

/**
 * Opens the database for one command and closes it afterwards, also after an error. Migrates the
 * database when the login is its owner. A database without our schema is treated as the wrong
 * database.
 *
 * - `installsSchema`: installs the schema in a database without our schema
 * - `ignoresServers`: the command never uses a server, so the choice of a server is not checked
 * - `writesModels`: the command may write models, so this host reports its providers first
 * - `createsDatabase`: creates the embedded database if there is none; a command that only reads or
 *   changes rows does not
 * - `preloadWorker`: loads the packages of a worker meanwhile, for a command that works as a worker
 */
export async function withDatabase<T>(
  io: CliIo,
  work: (database: CliDatabase) => Promise<T>,
  {
    installsSchema = false,
    ignoresServers = false,
    writesModels = false,
    createsDatabase = writesModels || installsSchema,
    preloadWorker = false,
  }: DatabaseOptions = {},
): Promise<T> {
  const { loadWorkerAndAwait, migrateDatabase, openDatabase } = await import('../../bootstrap.ts');
  const config = await io.config();
  const opening = ignoresServers
    ? openDatabase(config, io.err)
    : openChosenDatabase(io, { createsDatabase });
  const { url, isEmbedded } = await (preloadWorker ? loadWorkerAndAwait(opening) : opening);
  const { decrypt, close } = await openContents(io, url, config);
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 4, numbers: true, decrypt });
  try {
    const state = await schemaState(pool);
    if (!state.isThere && !isEmbedded && !installsSchema) throw noSchema(url);
    const { isOwner } = state;
    if (isOwner) await migrateDatabase(url, pool);
    if (writesModels) await reportProvidersOfHost({ pool, isOwner }, config);
    const database = { url, config, pool, db: queriesOn(pool), decrypt, isOwner };
    return await work(database).catch((error) => {
      throw isOwner ? error : explainForGuest(error, state);
    });
  } finally {
    await pool.end();
    await close();
  }
}

/**
 * Throws `EUSAGE` if a server is chosen. Otherwise a caller who means the server would mistake
 * another database for it. `otherwise` names an alternative in the hint.
 */
export async function refuseServer(io: CliIo, otherwise = ''): Promise<void> {
  const server = await resolveServer(io);
  if (server === undefined) return;
  const { origin, url, profile } = server;
  throw new HowdahError(
    'EUSAGE',
    `this command needs a database, but ${origin} selects the API of ${url}`,
    {
      hint: [
        `Name a database with --database-url, or use --profile ${NO_PROFILE} for DATABASE_URL or the embedded database`,
        ...(otherwise ? [otherwise] : []),
      ].join('. '),
      detail: profile === undefined ? { variable: origin } : { profile },
    },
  );
}

/** Creates the error for a database without our schema, which may be the wrong database. */
export function noSchema(url: string, otherwise = ''): HowdahError {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  return new HowdahError('HWNTF', `the database ${name} has no Howdah schema`, {
    hint: `Check DATABASE_URL (or --database-url). To install the schema in this database: howdah migrate up. ${otherwise}`.trim(),
    detail: { database: name },
  });
}

/**
 * Translates errors of Postgres itself: missing rights of a login, and functions, tables or columns
 * that do not exist.
 */
function explainForGuest(error: unknown, state: SchemaState): unknown {
  const { login, isGuest, onlyReads } = state;
  const { code, message } = faultOf(error);
  if (code === '42501') {
    return new HowdahError('HWDEN', `the login ${login} has no permission: ${message}`, {
      hint: isGuest
        ? `Use an owner of the database: a login in howdah_owner.${onlyReads ? ' This login is bound as a viewer, which only reads.' : ''}`
        : 'Use an owner of the database, or a login in howdah_app that is bound to a tenant (howdah_private.login_tenants).',
      detail: { login },
      cause: error,
    });
  }
  if (['42883', '42P01', '42703'].includes(code)) {
    return new HowdahError('HWCNF', `the schema does not match this program: ${message}`, {
      hint: 'Compare them as an owner of the database: howdah migrate status',
      cause: error,
    });
  }
  return error;
}
