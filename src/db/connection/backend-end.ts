import { setTimeout as pause } from 'node:timers/promises';
import type { Queryable } from './pool.ts';
import { isConnectionLoss } from './sqlstate.ts';

/** Pauses between two checks, the last one for all further checks. */
const PAUSES_MS = [20, 100, 500, 2_000];

/**
 * Resolves when the transaction of a lost connection has ended on the server, which goes on with a
 * statement that does not look for interrupts. `processId` is that of the backend. The number of
 * the transaction tells the backend from a later one with the same process. Unlike the start of a
 * backend, each login can read it. Goes on asking while the server cannot be reached. Rejects once
 * `pool` is closed.
 */
export async function waitForBackendEnd(pool: Queryable, processId: number): Promise<void> {
  let first: string | undefined;
  for (let round = 0; ; round += 1) {
    const transaction = await transactionOf(pool, processId);
    if (transaction === null) return;
    first ??= transaction;
    if (transaction !== undefined && transaction !== first) return;
    await pause(PAUSES_MS[Math.min(round, PAUSES_MS.length - 1)], undefined, { ref: false });
  }
}

/** Returns the transaction of a backend, null if it has none, and undefined if that is unknown. */
async function transactionOf(pool: Queryable, processId: number) {
  try {
    const { rows } = await pool.query<{ transaction: string }>(
      `select l.virtualtransaction as transaction from pg_catalog.pg_locks as l
       where l.locktype = 'virtualxid' and l.pid = $1 and l.virtualxid = l.virtualtransaction`,
      [processId],
    );
    return rows[0]?.transaction ?? null;
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    return undefined;
  }
}
