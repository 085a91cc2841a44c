import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { startEmbedded, stopEmbedded } from '../src/db/embedded/embedded.ts';
import { migrateUp } from '../src/db/migrate.ts';
import { migrateQueue } from '../workers/migrate-queue.ts';

export type BenchDatabase = { url: string; pool: pg.Pool; drop(): Promise<void> };
export type BenchServer = {
  /** Of a superuser. */
  url: string;
  createDatabase(): Promise<BenchDatabase>;
  /** One with nothing in it, for other systems. */
  createEmptyDatabase(): Promise<BenchDatabase>;
  stop(): Promise<void>;
};

/** BENCH_PG_URL (a superuser's, on loopback), else an embedded server with fsync on, removed afterwards. */
export async function startServer(given: string | undefined): Promise<BenchServer> {
  if (given) {
    return { ...databasesOn(given), stop: async () => {} };
  }
  const home = mkdtempSync(join(tmpdir(), 'howdah-bench-'));
  chmodSync(home, 0o755); // the server may run as another user
  const { url } = await startEmbedded({ home });
  return {
    ...databasesOn(url),
    stop: async () => {
      await stopEmbedded(home);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

function databasesOn(url: string): Omit<BenchServer, 'stop'> {
  return {
    url,
    createEmptyDatabase: () => createEmptyDatabase(url),
    async createDatabase() {
      const database = await createEmptyDatabase(url);
      await migrateUp(database.url, migrateQueue);
      return database;
    },
  };
}

let count = 0;

async function createEmptyDatabase(server: string): Promise<BenchDatabase> {
  count += 1;
  const name = `howdah_bench_${process.pid}_${count}`;
  await onServer(server, `create database ${name}`);
  const parsed = new URL(server);
  parsed.pathname = `/${name}`;
  const url = parsed.toString();
  const pool = new pg.Pool({ connectionString: url, max: 4 });
  pool.on('error', () => {});
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      await onServer(server, `drop database ${name} with (force)`);
    },
  };
}

async function onServer(url: string, text: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(text).finally(() => client.end());
}
