import { HowdahError } from '../../contracts/errors.ts';
import { type Client, onConnection, type Queryable } from '../connection/pool.ts';
import { refusePooler } from '../connection/pooler-check.ts';
import { faultOf } from '../connection/sqlstate.ts';
import { type Backfill, completeBackfills, pendingBackfills } from './backfills.ts';
import { explainDependents, refuseForeignObjects, refuseViewsOnOurs } from './foreign-objects.ts';
import { knownMigrations, MIGRATIONS } from './known-migrations.ts';
import { areInForce, chooseAll, chooseChanged, replaceableFiles } from './replaceable-files.ts';
import { appliedDigests, applyReplaceable, dropReplaceable } from './replaceable-objects.ts';
import { refuseGuest, refuseNewer, refusePreview, schemaState } from './schema-state.ts';
import { boundWaits, withTableLocks } from './table-locks.ts';

const LOCK = `hashtextextended('howdah.migrate', 0)`;

/**
 * A function that updates the schema of Graphile Worker. The caller provides it, because only
 * workers/ knows that package.
 */
export type MigrateQueue = (url: string) => Promise<void>;

export type MigrationStatus = {
  applied: string[];
  pending: string[];
  /** Migrations applied by a newer release. This release does not know what they made. */
  newer: string[];
  sql: 'current' | 'outdated';
  /** Backfills that are not complete. */
  backfills: Backfill[];
};

/**
 * Applies missing migrations and changed files of `sql/`. Roles and schemas come first, then the
 * schema of the queue, then all migrations and `sql/` in one transaction, so that a failure in this
 * transaction leaves nothing behind. Without a new migration, only the changed files of `sql/` are
 * applied. Several processes may migrate at once, because they wait for each other. The schema of a
 * newer release is not changed. Returns the names of the applied migrations. `db` is a connection
 * of this login, if the caller has one: it tells whether there is anything to do.
 *
 * Afterwards fills the tables that migrations created, in batches. The next call continues where
 * this one was stopped.
 *
 * Throws `HWCNF` if others hold our tables for longer than `patienceMs`, two minutes by default.
 */
export async function migrateUp(
  url: string,
  migrateQueue: MigrateQueue,
  { patienceMs, db }: { patienceMs?: number | undefined; db?: Queryable | undefined } = {},
): Promise<string[]> {
  if (isUpToDate(await (db ? status(db) : migrationStatus(url)))) {
    return []; // anybody can hold an advisory lock: wait for it only if there is work to do
  }
  return withMigrator(url, async (client) => {
    const before = await status(client);
    if (isUpToDate(before)) {
      return [];
    }
    refuseNewer(before.newer);
    if (isSchemaCurrent(before)) {
      await completeBackfills(client, before.backfills);
      return [];
    }
    await refuseEncoding(client);
    let first: string[] = [];
    if (before.applied.length === 0) {
      first = await inOneTransaction(client, async () => {
        await client.query('create schema if not exists howdah_private');
        return run(client, 'up', 1);
      }).catch(explainRefusal);
    }
    await migrateQueue(url);
    const apply = (lockTables: () => Promise<void>) =>
      inOneTransaction(client, async () => {
        await client.query('set local role howdah_owner');
        const choice =
          before.pending.length > 0
            ? chooseAll(replaceableFiles())
            : chooseChanged(replaceableFiles(), await appliedDigests(client));
        await (choice.changesTables ? lockTables() : boundWaits(client));
        const applied = await run(client, 'up', Number.POSITIVE_INFINITY);
        await applyReplaceable(client, choice, lockTables);
        return applied;
      });
    const rest = await withTableLocks(client, apply, patienceMs).catch(explainRefusal);
    await completeBackfills(client, await pendingBackfills(client));
    return [...first, ...rest];
  });
}

/**
 * Undoes the last migration, or all of them. Replaceable objects are dropped first, because they
 * may use what the migration made. The next `migrateUp`, of this release or an older one, creates
 * its own objects again. Throws `HWCNF` if views of others depend on ours. With `all`, also throws
 * `HWCNF` if there are objects in our schemas that are not ours.
 */
export async function migrateDown(url: string, all: boolean): Promise<string[]> {
  return withMigrator(url, async (client) => {
    const { applied, newer } = await status(client);
    refuseNewer(newer);
    if (applied.length === 0) {
      return [];
    }
    if (all) await refuseForeignObjects(client);
    await refuseViewsOnOurs(client);
    const later = all ? applied.length - 1 : Math.min(1, applied.length - 1);
    const undone = await inOneTransaction<string[]>(client, async () => {
      await client.query('set local role howdah_owner');
      await dropReplaceable(client);
      return later > 0 ? run(client, 'down', later) : [];
    }).catch(explainDependents);
    if (all || applied.length === 1) {
      const first = inOneTransaction(client, () => run(client, 'down', 1));
      undone.push(...(await first.catch(explainDependents)));
      await client.query('drop schema howdah_private cascade');
    }
    return undone;
  });
}

/**
 * Returns the applied and the missing migrations, and whether the applied `sql/` is that of this
 * release.
 */
export async function migrationStatus(url: string): Promise<MigrationStatus> {
  return onConnection({ url, applicationName: 'howdah-migrate' }, status);
}

/**
 * Returns whether there is nothing to apply. A newer release keeps what this release calls. The
 * older `sql/` would break what the newer release calls.
 */
function isUpToDate(status: MigrationStatus): boolean {
  return isSchemaCurrent(status) && (status.backfills.length === 0 || status.newer.length > 0);
}

function isSchemaCurrent({ pending, newer, sql }: MigrationStatus): boolean {
  return pending.length === 0 && (sql === 'current' || newer.length > 0);
}

/**
 * Rethrows an error. The first migration creates roles, so a login without the privilege for that
 * gets an explanation.
 */
function explainRefusal(error: unknown): never {
  const { code, message, detail } = faultOf(error);
  if (code !== '42501') {
    throw error;
  }
  throw new HowdahError('HWDEN', `this login may not set Howdah up: ${message}`, {
    detail: detail ?? null,
    hint:
      'It must own the database and have CREATEROLE. If another login created the roles of Howdah, a ' +
      'superuser must grant them: grant howdah_owner, howdah_engine, howdah_worker, howdah_app, howdah_analyst, ' +
      'howdah_authenticator, howdah_eraser, howdah_tool, howdah_reader, howdah_writer, howdah_viewer, howdah_inserter to <login> with admin option',
    cause: error,
  });
}

/** Throws if the database cannot store every character, such as a database in LATIN1. */
async function refuseEncoding(client: Client): Promise<void> {
  const { rows } = await client.query(
    `select current_database() as name, getdatabaseencoding() as encoding`,
  );
  const { name, encoding } = rows[0] as { name: string; encoding: string };
  if (encoding !== 'UTF8') {
    throw new HowdahError(
      'HWINV',
      `the database ${name} has the encoding ${encoding}, but Howdah needs UTF8`,
      {
        detail: { database: name, encoding },
        hint: `Create a database with the encoding UTF8: create database NAME encoding 'UTF8' template template0.`,
      },
    );
  }
}

/** Runs `work` while no other process migrates. */
async function withMigrator<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  await refusePooler(url, 'howdah-migrate');
  return onConnection({ url, applicationName: 'howdah-migrate' }, async (client) => {
    await client.query(`select pg_advisory_lock(${LOCK})`);
    return work(client);
  });
}

async function status(client: Queryable): Promise<MigrationStatus> {
  refuseGuest(await schemaState(client));
  const known = knownMigrations();
  const exists = await client.query(
    `select to_regclass('howdah_private.migrations') is not null as migrations,
       to_regclass('howdah_private.applied_sql') is not null as sql`,
  );
  const { migrations, sql } = exists.rows[0];
  const applied: string[] = migrations
    ? (await client.query('select name from howdah_private.migrations order by id')).rows.map(
        (row) => row.name,
      )
    : [];
  refusePreview(applied, 'this database');
  const inForce = sql && areInForce(await appliedDigests(client));
  return {
    applied,
    pending: known.filter((name) => !applied.includes(name)),
    newer: applied.filter((name) => !known.includes(name)),
    sql: inForce ? 'current' : 'outdated',
    backfills: await pendingBackfills(client),
  };
}

async function inOneTransaction<T>(client: Client, work: () => Promise<T>): Promise<T> {
  await client.query('begin');
  try {
    const result = await work();
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw error;
  }
}

/**
 * Runs migrations inside the open transaction. node-pg-migrate sends `begin`, `commit` and
 * `rollback` itself, even on a client that is already in a transaction. These statements are
 * ignored here, so that the outer transaction remains the only one. The message of an error of
 * Postgres names the migration.
 */
async function run(client: Client, direction: 'up' | 'down', count: number): Promise<string[]> {
  const query = client.query.bind(client);
  const queryUnlessTransaction = (text: unknown, ...rest: unknown[]): unknown => {
    const sql = typeof text === 'string' ? text : ((text as { text?: string })?.text ?? '');
    return /^\s*(begin|commit|rollback)\s*;?\s*$/i.test(sql)
      ? Promise.resolve({ rows: [] })
      : (query as (...all: unknown[]) => unknown)(text, ...rest);
  };
  client.query = queryUnlessTransaction as typeof client.query;
  let migration: string | undefined;
  try {
    const { runner } = await import('node-pg-migrate'); // rarely needed, and 17 MB
    const done = await runner({
      dbClient: client,
      dir: MIGRATIONS,
      direction,
      count,
      migrationsTable: 'migrations',
      migrationsSchema: 'howdah_private',
      checkOrder: true,
      singleTransaction: true,
      noLock: true,
      log: (line) => {
        migration = /^### MIGRATION (\S+)/.exec(line)?.[1] ?? migration;
      },
    });
    return done.map(({ name }) => name);
  } catch (error) {
    const saysWhatToDo = /^HW/.test(faultOf(error).code ?? '');
    if (migration && error instanceof Error && !saysWhatToDo) {
      error.message = `migration ${migration}: ${error.message}`;
    }
    throw error;
  } finally {
    client.query = query as typeof client.query;
  }
}
