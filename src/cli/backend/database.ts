import type { Config } from '../../config.ts';
import { HowdahError } from '../../contracts/errors.ts';
import { createPool, type Pool } from '../../db/connection/pool.ts';
import { faultOf } from '../../db/connection/sqlstate.ts';
import { type Queries, queriesOn } from '../../db/queries/queries.ts';
import { type SchemaState, schemaState } from '../../db/schema/schema-state.ts';
import type { CliIo } from '../output/output.ts';
import { chosenServer, NO_PROFILE } from './profiles.ts';

export type CliDatabase = {
  url: string;
  config: Config;
  pool: Pool;
  db: Queries;
  /** The login looks after the whole database; otherwise it is a guest, with the rights of its roles and of its tenant. */
  isOwner: boolean;
};

/**
 * The database a command asks: the one that is named, else the embedded one, started if need be. Throws `EUSAGE` where a server is
 * to be asked instead, which this command cannot do. What is a server itself (`start`, `worker`, `api`, `migrate`, `db`) asks nobody.
 */
export async function databaseToAsk(io: CliIo) {
  await refuseServer(io);
  const { openDatabase } = await import('../../bootstrap.ts');
  return openDatabase(await io.config(), io.err);
}

/**
 * Opens the database for one command and closes it afterwards, whatever happens. Migrates it when
 * the login is its owner. A database without our schema is taken for the wrong one.
 *
 * - `isMaker`: gives such a database the schema
 * - `isHere`: the command never asks a server, so none can be meant
 * - `preloadWorker`: loads the packages of a worker meanwhile, for a command that works as one
 */
export async function withDatabase<T>(
  io: CliIo,
  work: (database: CliDatabase) => Promise<T>,
  { isMaker = false, isHere = false, preloadWorker = false } = {},
): Promise<T> {
  const { loadWorkerAndAwait, migrateDatabase, openDatabase } = await import('../../bootstrap.ts');
  const config = await io.config();
  const opening = isHere ? openDatabase(config, io.err) : databaseToAsk(io);
  const { url, isEmbedded } = await (preloadWorker ? loadWorkerAndAwait(opening) : opening);
  const pool = createPool({ url, applicationName: 'howdah-cli', max: 4, numbers: true });
  try {
    const state = await schemaState(pool);
    if (!state.isThere && !isEmbedded && !isMaker) throw noSchema(url);
    if (state.isOwner) await migrateDatabase(url);
    return await work({ url, config, pool, db: queriesOn(pool), isOwner: state.isOwner }).catch(
      (error) => {
        throw state.isOwner ? error : asGuest(error, state);
      },
    );
  } finally {
    await pool.end();
  }
}

/** Who means a server would take another database for it. `otherwise`: what else may be done. */
export async function refuseServer(io: CliIo, otherwise = ''): Promise<void> {
  const server = await chosenServer(io);
  if (server === undefined) return;
  const { origin, url, profile } = server;
  throw new HowdahError('EUSAGE', `this asks a database, and ${origin} is the API of ${url}`, {
    hint: [
      `Name a database by --database-url; that of DATABASE_URL, else the embedded one: --profile ${NO_PROFILE}`,
      ...(otherwise ? [otherwise] : []),
    ].join('. '),
    detail: profile === undefined ? { variable: origin } : { profile },
  });
}

/** For a database that may be the wrong one. */
export function noSchema(url: string, otherwise = ''): HowdahError {
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  return new HowdahError('HWNTF', `there is no Howdah in the database ${name}`, {
    hint: `If it is the right one, give it the schema: howdah migrate up. Else check DATABASE_URL (or --database-url). ${otherwise}`.trim(),
    detail: { database: name },
  });
}

/** What Postgres itself says to a login without rights, and of functions and columns that are not there. */
function asGuest(error: unknown, { login, isGuest }: SchemaState): unknown {
  const { code, message } = faultOf(error);
  if (code === '42501') {
    return new HowdahError('HWDEN', `the login ${login} may not do this: ${message}`, {
      hint: isGuest
        ? 'It takes an owner of the database: a login in howdah_owner.'
        : 'It takes an owner of the database, or a login in howdah_app that is bound to a tenant (howdah_private.login_tenants).',
      detail: { login },
      cause: error,
    });
  }
  if (['42883', '42P01', '42703'].includes(code)) {
    return new HowdahError('HWCNF', `the schema is not the one of this program: ${message}`, {
      hint: 'An owner of the database compares them: howdah migrate status',
      cause: error,
    });
  }
  return error;
}
