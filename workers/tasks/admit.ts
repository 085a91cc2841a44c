import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { admitParked } from '../../src/db/worker/worker-presence.ts';
import { admitPayload } from '../payloads.ts';

/** A run has stopped working or a limit was raised: runs that wait for room at the limit go on. */
export function admitTask(pool: Pool): Task {
  return async (payload) => {
    const { id, tenant_id, subject_id } = admitPayload.parse(payload);
    await admitParked(pool, id, tenant_id, subject_id ?? null);
  };
}
