import { setTimeout as delay } from 'node:timers/promises';
import { HowdahError } from '../../contracts/errors.ts';
import type { Client } from '../connection/pool.ts';
import { faultOf } from '../connection/sqlstate.ts';

/**
 * The time limit for our wait for all locks, because all other sessions wait behind us meanwhile.
 */
const WAITED_MS = { first: 200, more: 10, most: 400 };
/**
 * The time limit for a later lock. It is shorter than deadlock_timeout, which is one second by
 * default.
 */
const MAX_WAITED_LATER_MS = 500;
/** The pause between two attempts, in which sessions that waited behind us proceed. */
const PAUSE_MS = { least: 200, more: 200 };
const PATIENCE_MS = 120_000;

/** The errors lock_not_available and deadlock_detected. */
const RETRYABLE = new Set<unknown>(['55P03', '40P01']);
/** The error after a statement_timeout: query_canceled. */
const TOO_LONG = '57014';

class TablesInUse extends Error {}

const OURS = `
  select c.oid from pg_catalog.pg_class as c
  where c.relnamespace in (select n.oid from pg_catalog.pg_namespace as n where n.nspname in ('howdah', 'howdah_private'))
    and c.relkind in ('r', 'p') and c.relowner = 'howdah_owner'::regrole`;

/**
 * Locks all tables of ours before any change, because policies and triggers need all of them in the
 * end. A wait that is abandoned here costs nothing. A wait that is abandoned later would lose the
 * work, and this would repeat for ever under a steady load. The limit applies to all waits together
 * and not to each wait, because a session that holds the first tables stops all sessions that want
 * them.
 */
async function lockTables(client: Client, attempt: number): Promise<void> {
  const { first, more, most } = WAITED_MS;
  const { rows } = await client.query<{ names: string | null }>(
    `select string_agg(c.oid::regclass::text, ', ' order by c.oid) as names from pg_catalog.pg_class as c
     where c.oid in (${OURS}) and not c.relispartition`,
  );
  if (rows[0]?.names) {
    await client.query(`set local statement_timeout = ${Math.min(first + more * attempt, most)}`);
    await client
      .query(`lock table ${rows[0].names} in access exclusive mode`)
      .catch((error: unknown) => {
        throw faultOf(error).code === TOO_LONG ? new TablesInUse('', { cause: error }) : error;
      });
  }
  await client.query('set local statement_timeout = 0');
  await boundWaits(client);
}

/** Bounds how long the transaction waits for any lock, since others wait behind it meanwhile. */
export async function boundWaits(client: Client): Promise<void> {
  await client.query(`set local lock_timeout = '${MAX_WAITED_LATER_MS}ms'`);
}

/**
 * Runs `migrate`, and retries it as a whole if a lock is not free in time. Other sessions continue
 * while we migrate, and hold locks that we need. We abandon a wait before the deadlock detector
 * would, so that the transaction of another session never fails.
 *
 * Throws `HWCNF` with the sessions that hold the tables if no attempt succeeds within `patienceMs`.
 */
export async function withTableLocks<T>(
  client: Client,
  migrate: (lockTables: () => Promise<void>) => Promise<T>,
  patienceMs = PATIENCE_MS,
): Promise<T> {
  const end = performance.now() + patienceMs;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await migrate(() => lockTables(client, attempt));
    } catch (error) {
      const cause = error instanceof HowdahError ? error.cause : error;
      if (!(error instanceof TablesInUse || RETRYABLE.has(faultOf(cause).code))) throw error;
      if (performance.now() > end) throw await inTheWay(client, error);
      await delay(PAUSE_MS.least + Math.random() * PAUSE_MS.more);
    }
  }
}

/** Returns an error that names the sessions that hold the tables, the longest transaction first. */
async function inTheWay(client: Client, cause: unknown): Promise<HowdahError> {
  const { rows } = await client.query<{ pid: number; words: string }>(
    `select a.pid, format('%s (%s, in a transaction for %s s)', a.pid, coalesce(nullif(a.application_name, ''), 'without a name'),
       coalesce(extract(epoch from clock_timestamp() - a.xact_start)::int::text, '?')) as words
     from pg_catalog.pg_stat_activity as a
     where a.pid <> pg_backend_pid() and exists (
       select from pg_catalog.pg_locks as l
       where l.pid = a.pid and l.granted and l.database = a.datid and l.relation in (${OURS})
     )
     order by a.xact_start limit 3`,
  );
  const who = rows.map(({ words }) => words).join(', ');
  return new HowdahError('HWCNF', 'other sessions hold locks on tables that the migration needs', {
    hint: who
      ? `Wait for these sessions to finish, or end them with pg_terminate_backend, and try again: ${who}.`
      : 'Try again when the database is less busy.',
    detail: { pids: rows.map(({ pid }) => pid) },
    cause,
  });
}
