import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { buildPages } from '../../packaging/build-pages.ts';
import { startEmbedded, stopEmbedded } from '../../src/db/embedded/embedded.ts';
import { migrateUp } from '../../src/db/schema/migrate.ts';
import { migrateQueue } from '../../workers/queue/migrate-queue.ts';

declare module 'vitest' {
  interface ProvidedContext {
    serverUrl: string;
    template: string;
    /**
     * Strategy of `create database`: copy whole files, or write a log, which is cheaper on a disk.
     */
    copyStrategy: 'file_copy' | 'wal_log';
  }
}

/**
 * `npm install` builds the pages, except in a work tree that shares the packages of another one.
 */
const PAGES = join(import.meta.dirname, '../../dist/pages');

type Server = {
  url: string;
  isInMemory: boolean;
  /** Whether this test run started the server. */
  isOurs: boolean;
  stop(): Promise<void>;
};

/**
 * Starts one real server for the whole test run: DATABASE_URL, otherwise a container if Docker
 * runs, otherwise an embedded server in its own folder. The server gets one migrated template
 * database, which every test file copies.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  if (!existsSync(PAGES)) await buildPages(PAGES);
  const server = await findServer();
  if (server.isOurs) await sql(server.url, ...settingsFor(process.env.HOWDAH_TESTS));
  const template = `howdah_template_${process.pid}`;
  await sql(server.url, `create database ${template}`);
  await migrateUp(withDatabase(server.url, template), migrateQueue);
  await sql(withDatabase(server.url, template), DROP_LATER_MONTHS);
  await compactCatalogs(withDatabase(server.url, template));
  project.provide('serverUrl', server.url);
  project.provide('template', template);
  project.provide('copyStrategy', server.isInMemory ? 'file_copy' : 'wal_log');
  return async () => {
    await sql(server.url, `drop database if exists ${template} with (force)`);
    await server.stop();
  };
}

/**
 * Settings that lose data when the machine stops. `create database` needs two checkpoints, after
 * each of which every changed page would be written to the log in full. Long tests kill backends,
 * which restarts the server, so their commits wait for the log as in production.
 */
const settingsFor = (tests: string | undefined) => [
  'alter system set full_page_writes = off',
  ...(tests === 'long' || tests === 'nightly' ? [] : ['alter system set synchronous_commit = off']),
  'select pg_reload_conf()',
];

/**
 * Rewrites the catalogs, in which the migrations left many dead rows. The copies are then smaller,
 * and no session writes hint bits into their pages. Tables of the schema stay as they are, because
 * a vacuum would change the plans of their queries.
 */
async function compactCatalogs(url: string): Promise<void> {
  await withClient(url, async (client) => {
    const { rows } = await client.query<{ name: string }>(
      `select oid::regclass::text as name from pg_class
       where relnamespace = 'pg_catalog'::regnamespace and relkind = 'r' and not relisshared`,
    );
    await client.query(`vacuum (full, freeze, analyze) ${rows.map(({ name }) => name).join(', ')}`);
  });
}

/**
 * Drops all partitions after those of the next month. Each backend plans statements over all
 * partitions, so two months fewer save about 6 % of the CPU time of SQL tests. A test that needs
 * later months calls `ensure_partitions()`, as workers do each night.
 */
const DROP_LATER_MONTHS = `
  do $do$
  declare
    v_partition regclass;
  begin
    for v_partition in
      select c.oid from pg_inherits as i join pg_class as c on c.oid = i.inhrelid
      where i.inhparent in (
          'howdah.executions'::regclass, 'howdah.steps'::regclass, 'howdah_private.message_log'::regclass)
        and right(c.relname, 7) > to_char(
          date_trunc('month', now() at time zone 'utc') + interval '1 month', 'YYYY_MM')
    loop
      execute format('drop table %s', v_partition);
    end loop;
  end $do$`;

/** Starts or finds the server of the tests. */
export async function findServer(): Promise<Server> {
  const databaseUrl = process.env.DATABASE_URL;
  if (databaseUrl) {
    return { url: databaseUrl, isInMemory: false, isOurs: false, stop: async () => {} };
  }
  return spawnSync('docker', ['info'], { stdio: 'ignore' }).status === 0
    ? startContainer()
    : startInFolder();
}

async function startContainer(): Promise<Server> {
  const { GenericContainer, Wait } = await import('testcontainers');
  const container = await new GenericContainer('pgvector/pgvector:pg17')
    .withEnvironment({ POSTGRES_PASSWORD: 'howdah' })
    .withExposedPorts(5432)
    .withCommand(['postgres', '-c', 'max_connections=300', '-c', 'max_locks_per_transaction=256'])
    .withWaitStrategy(Wait.forLogMessage(/ready to accept connections/, 2))
    .start();
  const url = `postgres://postgres:howdah@${container.getHost()}:${container.getMappedPort(5432)}/postgres`;
  const stop = async () => void (await container.stop());
  return { url, isInMemory: false, isOurs: true, stop };
}

/** Starts the embedded server in its own folder. */
export async function startInFolder(): Promise<Server> {
  const folder = chooseDataFolder();
  const home = mkdtempSync(join(folder, 'howdah-test-'));
  chmodSync(home, 0o755); // the server may run as another user
  const { url } = await startEmbedded({ home });
  return {
    url,
    isInMemory: folder === MEMORY_FOLDER,
    isOurs: true,
    stop: async () => {
      await stopEmbedded(home);
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/**
 * The space that a test run needs: a few hundred megabytes of data and a gigabyte of write-ahead
 * log, with a margin.
 */
const NEEDED_BYTES = 4 * 1024 ** 3;
const MEMORY_FOLDER = '/dev/shm';

/**
 * Returns a folder in memory if there is enough memory. Every test file creates and drops a
 * database, which is a thousand files on a disk. The settings of the server do not depend on the
 * folder.
 */
function chooseDataFolder(): string {
  if (!existsSync(MEMORY_FOLDER) || freemem() < NEEDED_BYTES) {
    return tmpdir();
  }
  const { bavail, bsize } = statfsSync(MEMORY_FOLDER);
  return bavail * bsize < NEEDED_BYTES ? tmpdir() : MEMORY_FOLDER;
}

/** Runs statements in sequence on a separate connection. */
export function sql(url: string, ...statements: string[]): Promise<void> {
  return withClient(url, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

async function withClient(url: string, use: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await use(client);
  } finally {
    await client.end();
  }
}

/** Returns the URL of another database on the same server. */
export function withDatabase(url: string, database: string): string {
  const parsed = new URL(url);
  parsed.pathname = `/${database}`;
  return parsed.toString();
}
