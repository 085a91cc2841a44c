import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { tenantPool } from '../../src/db/connection/tenant-pool.ts';
import { notifyExternalEnd } from '../../src/runtime/hooks/notify-external-end.ts';
import { executionCompletePayload } from '../payloads.ts';
import { ReturnTimes } from '../return-times.ts';
import { TenantSemaphore } from '../tenant-semaphore.ts';

/**
 * Limits of the jobs that call hooks at once. Each job uses one of the eight slots of the queue,
 * which wake-ups of all tenants need.
 */
const ROOM = { atOnce: 3, ofOneTenant: 2 };

/**
 * Creates the task that calls the hooks of a run that was ended from outside: cancelled, expired,
 * poisoned. Each hook is called once, because its effects commit with its row. A job that finds no
 * slot returns to the queue and occupies no slot while it waits.
 */
export function executionCompleteTask(pool: Pool): Task {
  const slots = new TenantSemaphore(ROOM.atOnce, ROOM.ofOneTenant);
  const returnTimes = new ReturnTimes();
  return async (payload, { addJob }) => {
    const { id, tenant_id: tenant } = executionCompletePayload.parse(payload);
    const release = slots.tryAcquire(tenant);
    if (!release) {
      const options = { jobKey: `execution_complete ${id}`, runAt: returnTimes.next(tenant) };
      await addJob('execution_complete', { id, tenant_id: tenant }, options);
      return;
    }
    try {
      await notifyExternalEnd(tenantPool(pool, 'hooks', { tenant }), id);
    } finally {
      release();
    }
  };
}
