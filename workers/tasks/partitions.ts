import type { Task } from 'graphile-worker';
import { ensurePartitions } from '../../src/db/maintenance.ts';
import type { Pool } from '../../src/db/pool.ts';

/** Makes the partitions of the coming year; nothing to do on most days. */
export function partitionsTask(pool: Pool): Task {
  return async () => {
    await ensurePartitions(pool);
  };
}
