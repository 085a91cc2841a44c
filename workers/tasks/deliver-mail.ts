import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { deliverMail } from '../../src/db/worker/wake-ups.ts';
import { deliverMailPayload } from '../payloads.ts';

/**
 * Creates the task that delivers messages to the mailbox of an agent. The transaction that wrote
 * them could not lock the runs that wait for them.
 */
export function deliverMailTask(pool: Pool): Task {
  return async (payload) => {
    const { agent_id, tenant_id } = deliverMailPayload.parse(payload);
    await deliverMail(pool, agent_id, tenant_id);
  };
}
