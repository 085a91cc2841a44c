import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { recountLimit } from '../../src/db/worker/wake-ups.ts';
import { recountLimitPayload } from '../payloads.ts';

/**
 * Creates the task that counts the usage of transactions that began before a new limit was visible.
 * Tries again while such a transaction is open.
 */
export function recountLimitTask(pool: Pool): Task {
  return async (payload) => {
    const { id, after } = recountLimitPayload.parse(payload);
    await recountLimit(pool, id, after);
  };
}
