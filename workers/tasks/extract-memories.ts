import type { Task } from 'graphile-worker';
import type { Pool } from '../../src/db/connection/pool.ts';
import { extractMemories } from '../../src/db/worker/wake-ups.ts';
import { extractMemoriesPayload } from '../payloads.ts';

/**
 * Creates the task that starts the run which reads a completed conversation and remembers. It is a
 * job, so that the end of the conversation waits for nothing.
 */
export function extractMemoriesTask(pool: Pool): Task {
  return async (payload) => {
    const { id, tenant_id } = extractMemoriesPayload.parse(payload);
    await extractMemories(pool, id, tenant_id);
  };
}
