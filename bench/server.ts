import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { HowdahError } from '../src/contracts/errors.ts';
import { startEmbedded, stopEmbedded } from '../src/db/embedded/embedded.ts';
import { migrateUp } from '../src/db/schema/migrate.ts';
import { migrateQueue } from '../workers/queue/migrate-queue.ts';

export type BenchDatabase = { url: string; pool: pg.Pool; drop(): Promise<void> };
export type BenchServer = {
  /** Of the login that makes databases, in a database that nothing else is done to. */
  url: string;
  isSuperuser: boolean;
  /** Process id of the server; undefined where the bench did not start it. */
  postmaster?: number;
  createDatabase(): Promise<BenchDatabase>;
  /** One with nothing in it, for other systems. */
  createEmptyDatabase(): Promise<BenchDatabase>;
  /** Whether it is being stopped, so that nothing more may be begun. */
  isOver(): boolean;
  /** What else is to be cleaned up when it is stopped; gives how to take that back. */
  alsoStop(work: () => Promise<void>): () => void;
  /** Takes away what is still there of all it made, whoever may be using it. */
  stop(): Promise<void>;
};

/** The one at `externalUrl`, else an embedded server with fsync on, removed afterwards. */
export async function startServer(externalUrl: string | undefined): Promise<BenchServer> {
  if (externalUrl) return serverAt(externalUrl);
  const home = mkdtempSync(join(tmpdir(), 'howdah-bench-'));
  chmodSync(home, 0o755); // the server may run as another user
  let others: (() => Promise<void>) | undefined;
  const stop = async (): Promise<void> => {
    await others?.().catch(() => {}); // its databases go with the folder
    await stopEmbedded(home);
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const { url, pid } = await startEmbedded({ home });
    const server = await serverAt(url);
    others = server.stop;
    return { ...server, postmaster: pid, stop: once(stop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Databases on a server of somebody: each is dropped, and so are the roles of Howdah that were not there before. */
async function serverAt(url: string): Promise<BenchServer> {
  const { login, isSuperuser, mayCreate, roles } = await lookAt(url);
  if (!mayCreate) {
    const message = `the login ${login} may make no databases, and a bench needs one of its own`;
    const hint = 'Name a login with CREATEDB and CREATEROLE in --database-url.';
    throw new HowdahError('HWDEN', message, { hint });
  }
  const prefix = `howdah_bench_${randomBytes(5).toString('hex')}`;
  const made = new Set<string>();
  const works = new Set<() => Promise<void>>();
  let count = 0;
  let isOver = false;
  let creating: Promise<unknown> = Promise.resolve();
  const createEmptyDatabase = async (): Promise<BenchDatabase> => {
    if (isOver) throw new Error('the server is given up');
    count += 1;
    const name = `${prefix}_${count}`;
    made.add(name);
    creating = onServer(url, `create database ${name}`);
    await creating;
    const database = new URL(url);
    database.pathname = `/${name}`;
    const pool = new pg.Pool({ connectionString: database.toString(), max: 4 });
    pool.on('error', () => {});
    const drop = async (): Promise<void> => {
      await pool.end();
      await onServer(url, `drop database if exists ${name} with (force)`);
      made.delete(name);
    };
    return { url: database.toString(), pool, drop };
  };
  return {
    url,
    isSuperuser,
    createEmptyDatabase,
    isOver: () => isOver,
    alsoStop(work) {
      works.add(work);
      return () => void works.delete(work);
    },
    async createDatabase() {
      const database = await createEmptyDatabase();
      await migrateUp(database.url, migrateQueue);
      return database;
    },
    stop: once(async () => {
      isOver = true;
      await Promise.allSettled([...works].map((work) => work()));
      await creating.catch(() => {});
      for (const name of made) {
        await onServer(url, `drop database if exists ${name} with (force)`);
      }
      for (const role of ROLES.filter((one) => !roles.includes(one))) {
        // somebody else may have come to need it meanwhile
        await onServer(url, `drop role if exists ${role}`).catch(() => {});
      }
    }),
  };
}

/** Who comes again waits for the first. */
function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined;
  return () => {
    done ??= work();
    return done;
  };
}

/** The roles that the migrations make, for the whole server. */
const ROLES = [
  ...[
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
  ],
].map((name) => `howdah_${name}`);

type Login = { login: string; isSuperuser: boolean; mayCreate: boolean; roles: string[] };

async function lookAt(url: string): Promise<Login> {
  const rows = await onServer(
    url,
    `select r.rolname as login, r.rolsuper as "isSuperuser", r.rolsuper or r.rolcreatedb as "mayCreate",
       array(select rolname::text from pg_roles where rolname like 'howdah\\_%') as roles
     from pg_roles as r where r.rolname = current_user`,
  );
  return rows[0] as Login;
}

async function onServer(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query(text).finally(() => client.end());
  return rows;
}
