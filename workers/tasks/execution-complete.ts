import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/pool.ts';
import { tenantPool } from '../../src/db/tenant-pool.ts';
import { callEnded } from '../../src/runtime/hooks/call-ended.ts';
import { executionCompletePayload } from '../payloads.ts';

/** Hooks of a run that was ended from outside: cancelled, expired, poisoned. Once, since they commit with their row. */
export function executionCompleteTask(pool: Pool): Task {
  const shared = tenantPool(pool, 'hooks', { tenant: 'execution_complete' }); // whose it is stands in the row alone
  return async (payload) => {
    await callEnded(shared, executionCompletePayload.parse(payload).id);
  };
}
