import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { HowdahError } from '../src/contracts/errors.ts';
import { startEmbedded, stopEmbedded } from '../src/db/embedded/embedded.ts';
import { migrateUp } from '../src/db/schema/migrate.ts';
import { migrateQueue } from '../workers/queue/migrate-queue.ts';

// The server of a bench: an embedded one, or one that a URL names. Each bench creates databases on
// it. When the server is stopped, everything that was created is removed: the whole embedded
// server, or on the server of a URL the databases and the new roles.

export type BenchDatabase = { url: string; pool: pg.Pool; drop(): Promise<void> };
export type BenchServer = {
  /** URL of the login that creates databases. Its own database is only used to connect. */
  url: string;
  isSuperuser: boolean;
  /** Process id of the server, undefined if the bench did not start it. */
  postmaster?: number;
  /** Creates a database with the schema of Howdah. */
  createDatabase(): Promise<BenchDatabase>;
  /** Creates an empty database, for other systems. */
  createEmptyDatabase(): Promise<BenchDatabase>;
  /** Returns whether `stop` was called, after which nothing more may be started. */
  isStopping(): boolean;
  /** Registers work that `stop` does first. Returns a function that removes the registration. */
  onStop(work: () => Promise<void>): () => void;
  /** Removes everything that was created, even while it is in use. */
  stop(): Promise<void>;
};

/** Uses the server at `externalUrl`, else starts an embedded server, with fsync on. */
export async function startServer(externalUrl: string | undefined): Promise<BenchServer> {
  if (externalUrl) return useServer(externalUrl);
  const home = mkdtempSync(join(tmpdir(), 'howdah-bench-'));
  chmodSync(home, 0o755); // the server may run as another user
  let stopUsing: (() => Promise<void>) | undefined;
  const stop = async (): Promise<void> => {
    await stopUsing?.().catch(() => {}); // databases that remain are removed with the folder
    await stopEmbedded(home);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const { url, pid } = await startEmbedded({ home });
    const server = await useServer(url);
    stopUsing = server.stop;
    return { ...server, postmaster: pid, stop: callOnce(stop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Creates databases on a running server. `stop` drops them, and the roles of Howdah that did not
 * exist before.
 */
async function useServer(url: string): Promise<BenchServer> {
  const { login, isSuperuser, canCreate, roles } = await readLogin(url);
  if (!canCreate) {
    const message = `the login ${login} may not create databases, which a bench needs`;
    const hint = 'Name a login with CREATEDB and CREATEROLE in --database-url.';
    throw new HowdahError('HWDEN', message, { hint });
  }
  const databases = new ScratchDatabases(url);
  const stopWork = new Set<() => Promise<void>>();
  return {
    url,
    isSuperuser,
    createEmptyDatabase: () => databases.create(),
    isStopping: () => databases.isClosed,
    onStop(work) {
      stopWork.add(work);
      return () => void stopWork.delete(work);
    },
    async createDatabase() {
      const database = await databases.create();
      await migrateUp(database.url, migrateQueue);
      return database;
    },
    stop: callOnce(async () => {
      databases.isClosed = true;
      await Promise.allSettled([...stopWork].map((work) => work()));
      await databases.dropAll();
      for (const role of ROLES.filter((name) => !roles.includes(name))) {
        // fails if objects of another database have come to depend on the role
        await runOnServer(url, `drop role if exists ${role}`).catch(() => {});
      }
    }),
  };
}

/** The databases that a bench has created on a server. Their names begin with a random prefix. */
class ScratchDatabases {
  isClosed = false;
  readonly #url: string;
  readonly #prefix = `howdah_bench_${randomBytes(5).toString('hex')}`;
  readonly #names = new Set<string>();
  #count = 0;
  #creation: Promise<unknown> = Promise.resolve();

  constructor(url: string) {
    this.#url = url;
  }

  async create(): Promise<BenchDatabase> {
    if (this.isClosed) throw new Error('the server is being stopped');
    this.#count += 1;
    const name = `${this.#prefix}_${this.#count}`;
    this.#names.add(name);
    this.#creation = runOnServer(this.#url, `create database ${name}`);
    await this.#creation;
    const database = new URL(this.#url);
    database.pathname = `/${name}`;
    const pool = new pg.Pool({ connectionString: database.toString(), max: 4 });
    pool.on('error', () => {});
    const drop = async (): Promise<void> => {
      await pool.end();
      await this.#drop(name);
      this.#names.delete(name);
    };
    return { url: database.toString(), pool, drop };
  }

  /** Drops the databases that remain. Waits for one that is being created. */
  async dropAll(): Promise<void> {
    await this.#creation.catch(() => {});
    for (const name of this.#names) await this.#drop(name);
  }

  async #drop(name: string): Promise<void> {
    await runOnServer(this.#url, `drop database if exists ${name} with (force)`);
  }
}

/** Wraps work that is done once. Later calls return the promise of the first call. */
function callOnce(work: () => Promise<void>): () => Promise<void> {
  let result: Promise<void> | undefined;
  return () => {
    result ??= work();
    return result;
  };
}

/** The roles that migrations create. Roles belong to the whole server. */
const ROLES = [
  'owner',
  'engine',
  'worker',
  'app',
  'analyst',
  'authenticator',
  'eraser',
  'tool',
  'reader',
  'writer',
  'viewer',
  'inserter',
].map((name) => `howdah_${name}`);

/** A login, and the roles of Howdah that exist on its server. */
type Login = { login: string; isSuperuser: boolean; canCreate: boolean; roles: string[] };

async function readLogin(url: string): Promise<Login> {
  const rows = await runOnServer(
    url,
    `select r.rolname as login, r.rolsuper as "isSuperuser", r.rolsuper or r.rolcreatedb as "canCreate",
       array(select rolname::text from pg_roles where rolname like 'howdah\\_%') as roles
     from pg_roles as r where r.rolname = current_user`,
  );
  return rows[0] as Login;
}

/** Executes a statement on a connection of its own. Returns its rows. */
async function runOnServer(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(text).finally(() => client.end());
  return rows;
}
