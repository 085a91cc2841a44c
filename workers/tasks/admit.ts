import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { admitParked } from '../../src/db/worker/wake-ups.ts';
import { admitPayload } from '../payloads.ts';

/**
 * Creates the task that admits runs waiting at a limit, when a run has stopped working or the limit
 * was raised.
 */
export function admitTask(pool: Pool): Task {
  return async (payload) => {
    const { id, tenant_id, subject_id } = admitPayload.parse(payload);
    await admitParked(pool, id, tenant_id, subject_id ?? null);
  };
}
