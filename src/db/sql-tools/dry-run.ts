import { type Release, Semaphore } from '../../concurrency/semaphore.ts';
import type { Outcome } from '../../contracts/errors.ts';
import { cancelOnAbort } from '../connection/cancel-statement.ts';
import { inTransaction, type Pool, type PoolClient, quoteText } from '../connection/pool.ts';
import { isConnectionLoss } from '../connection/sqlstate.ts';
import { wholePool } from '../connection/tenant-pool.ts';
import type { CapturedChanges } from './captured-changes.ts';
import { FORGET_SESSION, inSandbox } from './sql-sandbox.ts';
import { isShort, type SqlToolCall, sqlToolFailure, watchedCall } from './sql-tool.ts';

/** A value that is thrown to undo a call that was only tried. */
const TRIED = Symbol('tried');

/**
 * Makes a call twice over the same rows, each in a transaction of its own that is undone. The
 * second call reads by the snapshot of the first. A difference between the two calls is therefore
 * new with each call, such as a key, a time or a random number, and no effect of other sessions.
 */
export async function dryRuns(
  pool: Pool,
  call: SqlToolCall,
): Promise<Outcome<[CapturedChanges, CapturedChanges]>> {
  const release = await acquireDryRun(pool);
  try {
    let second: CapturedChanges | undefined;
    const first = await tryCall(pool, call, undefined, async (client) => {
      const { rows } = await client.query('select pg_catalog.pg_export_snapshot() as snapshot');
      second = await tryCall(pool, call, rows[0].snapshot);
    });
    return { ok: true, value: [first, second as CapturedChanges] };
  } catch (error) {
    if (isConnectionLoss(error) && !isShort(error)) throw error; // says nothing about the call
    return { ok: false, error: sqlToolFailure(error, call) };
  } finally {
    release();
  }
}

/**
 * Returns whether a transaction can undo what the function does, as far as its language shows. A
 * function in an untrusted language (C, Python) may reach files, programs and other servers.
 */
export async function canBeUndone(pool: Pool, fn: SqlToolCall['fn']): Promise<boolean> {
  const { rows } = await pool.query<{ is_trusted: boolean | null }>(
    `select bool_and(l.lanpltrusted) as is_trusted
     from pg_catalog.pg_proc as p join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
     join pg_catalog.pg_language as l on l.oid = p.prolang
     where n.nspname = $1 and p.proname = $2`,
    [fn.schema, fn.function],
  );
  return rows[0]?.is_trusted ?? true; // a call of a missing function fails
}

/**
 * Tries a call and undoes it. `then` runs after the call is undone, while the transaction is still
 * open.
 */
async function tryCall(
  pool: Pool,
  call: SqlToolCall,
  snapshot: string | undefined,
  then?: (client: PoolClient) => Promise<void>,
): Promise<CapturedChanges> {
  let watched: CapturedChanges | undefined;
  const work = async (client: PoolClient): Promise<void> => {
    await client.query('set transaction isolation level repeatable read');
    if (snapshot) await client.query(`set transaction snapshot ${quoteText(snapshot)}`);
    const stop = cancelOnAbort(client, call.signal);
    try {
      await ignoreRollback(() =>
        inSandbox(client, call.boundTo, call.timeoutMs, async () => {
          watched = await watchedCall(client, call);
          throw TRIED;
        }),
      );
      await client.query('release savepoint sandbox; select pg_catalog.pg_advisory_unlock_all()');
      await then?.(client);
    } finally {
      stop();
    }
    throw TRIED;
  };
  await ignoreRollback(() => inTransaction(pool, work, FORGET_SESSION));
  return watched as CapturedChanges;
}

async function ignoreRollback(work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (error !== TRIED) throw error;
  }
}

const semaphores = new WeakMap<Pool, Semaphore>();

/**
 * Limits how many dry runs are made at once. Each dry run holds a connection while it waits for
 * another connection. If too many did, no connection would be left for any of them. Other callers
 * hold one connection and wait for no other.
 */
function acquireDryRun(view: Pool): Promise<Release> {
  const pool = wholePool(view); // each call has a view of its own
  const semaphore =
    semaphores.get(pool) ?? new Semaphore(Math.max(1, Math.floor(pool.options.max / 3)));
  semaphores.set(pool, semaphore);
  return semaphore.acquire();
}
