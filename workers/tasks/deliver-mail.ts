import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { deliverMail } from '../../src/db/worker/worker-presence.ts';
import { deliverMailPayload } from '../payloads.ts';

/** Somebody wrote to an agent in a transaction that may not lock the runs which wait for that. */
export function deliverMailTask(pool: Pool): Task {
  return async (payload) => {
    const { agent_id, tenant_id } = deliverMailPayload.parse(payload);
    await deliverMail(pool, agent_id, tenant_id);
  };
}
