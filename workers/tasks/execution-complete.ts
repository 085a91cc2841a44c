import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { tenantPool } from '../../src/db/connection/tenant-pool.ts';
import { notifyExternalEnd } from '../../src/runtime/hooks/notify-external-end.ts';
import { executionCompletePayload } from '../payloads.ts';
import { ReturnTimes } from '../return-times.ts';
import { TenantSemaphore } from '../tenant-semaphore.ts';

/**
 * Jobs that call hooks at the same time. Each holds one of the eight slots of the queue, which
 * wake-ups of all tenants need.
 */
const ROOM = { atOnce: 3, ofOneTenant: 2 };

/**
 * Calls the hooks of a run that was ended from outside: cancelled, expired, poisoned. They are
 * called once, since their effects commit with their row. A job that finds no slot returns to the
 * queue and holds no slot while it waits.
 */
export function executionCompleteTask(pool: Pool): Task {
  const slots = new TenantSemaphore(ROOM.atOnce, ROOM.ofOneTenant);
  const returnTimes = new ReturnTimes();
  return async (payload, { addJob }) => {
    const { id, tenant_id: tenant } = executionCompletePayload.parse(payload);
    if (!slots.enter(tenant)) {
      const options = { jobKey: `execution_complete ${id}`, runAt: returnTimes.next(tenant) };
      await addJob('execution_complete', { id, tenant_id: tenant }, options);
      return;
    }
    try {
      await notifyExternalEnd(tenantPool(pool, 'hooks', { tenant }), id);
    } finally {
      slots.leave(tenant);
    }
  };
}
