import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { recountLimit } from '../../src/db/worker/worker-presence.ts';
import { recountLimitPayload } from '../payloads.ts';

/** Counts what transactions spent that had begun before a new limit was visible. Tries again while one is left. */
export function recountLimitTask(pool: Pool): Task {
  return async (payload) => {
    const { id, after } = recountLimitPayload.parse(payload);
    await recountLimit(pool, id, after);
  };
}
