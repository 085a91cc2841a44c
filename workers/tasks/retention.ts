import type { Task } from 'graphile-worker';
import { retain } from '../../src/db/maintenance.ts';
import type { Pool } from '../../src/db/pool.ts';

/** Erases and deletes what the tenants' policies no longer keep; without a policy it reads an empty table. */
export function retentionTask(pool: Pool): Task {
  return async () => {
    await retain(pool);
  };
}
