import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, expect, inject } from 'vitest';
import { keepConnectionsOnRejection } from '../../src/db/connection/pool.ts';
import { sql, withDatabase } from './server.ts';

export type TestDatabase = {
  url: string;
  /** Connections of the owner. */
  pool: pg.Pool;
  drop(): Promise<void>;
};

export type TestDatabaseOptions = {
  /** Whether the tests violate the invariants of `howdah.violations` on purpose. */
  violates?: boolean;
};

/**
 * Declares the database of a test file or of a `describe`. The database is created before all of
 * its tests and dropped after them. `howdah.violations` has to be empty after the tests. The
 * database exists in hooks that the caller registers after this call, both before and after the
 * tests.
 */
export function testDatabase({ violates = false }: TestDatabaseOptions = {}): TestDatabase {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createTestDatabase();
  });
  afterAll(async () => {
    if (!database) return;
    try {
      if (!violates) expect(await findViolations(database.pool)).toEqual([]);
    } finally {
      await database.drop();
    }
  });
  const requireDatabase = (): TestDatabase => {
    if (!database) throw new Error('the database is there in hooks and tests, not before');
    return database;
  };
  return {
    get url() {
      return requireDatabase().url;
    },
    get pool() {
      return requireDatabase().pool;
    },
    drop: () => requireDatabase().drop(),
  };
}

async function findViolations(pool: pg.Pool): Promise<object[]> {
  return (await pool.query('select * from howdah.check_all()')).rows;
}

/** Creates a migrated database. The caller drops it; `testDatabase` does so automatically. */
export async function createTestDatabase(): Promise<TestDatabase> {
  return copyDatabase(inject('template'));
}

/** Creates a migrated database with the partitions of all months that a migration creates. */
export async function createDatabaseOfAllMonths(): Promise<TestDatabase> {
  const database = await createTestDatabase();
  await database.pool.query('select howdah_private.ensure_partitions()');
  return database;
}

/** Creates an empty database, for tests of the migrations themselves. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return copyDatabase('template1');
}

async function copyDatabase(template: string): Promise<TestDatabase> {
  const server = inject('serverUrl');
  const name = `howdah_test_${randomBytes(6).toString('hex')}`;
  await sql(
    server,
    `create database ${name} template ${template} strategy ${inject('copyStrategy')}`,
    // As in the embedded database, whose login may have the name of our schema. Nothing may depend
    // on the search path.
    `alter database ${name} set search_path = public`,
  );
  const url = withDatabase(server, name);
  const pool = openTestPool(url);
  return {
    url,
    pool,
    async drop() {
      await pool.end();
      await sql(server, `drop database ${name} with (force)`);
    },
  };
}

/**
 * Opens the pool of a test. Its connections stay open, because a new backend has no cached plans.
 */
function openTestPool(connectionString: string): pg.Pool {
  const pool = new pg.Pool({ connectionString, max: 10, idleTimeoutMillis: 0 });
  pool.on('error', () => {});
  pool.on('connect', (client) => client.on('error', () => {}));
  return keepConnectionsOnRejection(pool);
}

/**
 * Polls until the query returns a row, and returns the first row. Fails with `what` after the
 * timeout.
 */
export async function eventually<T extends pg.QueryResultRow>(
  pool: pg.Pool,
  what: string,
  text: string,
  values: unknown[] = [],
  timeoutMs = 240_000,
): Promise<T> {
  const end = Date.now() + timeoutMs;
  let pauseMs = 10;
  for (;;) {
    const { rows } = await pool.query<T>(text, values);
    if (rows[0]) {
      return rows[0];
    }
    if (Date.now() > end) {
      throw new Error(`did not happen within ${timeoutMs} ms: ${what}`);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    pauseMs = Math.min(1.5 * pauseMs, 250); // a slow machine is not kept busy
  }
}
