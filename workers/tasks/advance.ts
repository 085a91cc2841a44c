import type { Task } from 'graphile-worker';
import { createBatchLoader } from '../../src/concurrency/batch-loader.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { returnWakeUps } from '../../src/db/worker/worker-presence.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { advancePayload } from '../payloads.ts';

/**
 * A wake-up, not a lease: the handler ends when the run is claimed, not when it is over. Doing it twice, or for a
 * run that somebody owns, does nothing.
 */
export function advanceTask(pool: Pool, runtime: Runtime, ready: Promise<void>): Task {
  // all that wait for room are turned away at once: one statement returns their wake-ups
  const returnWakeUp = createBatchLoader<string, void>(async (ids) => {
    await returnWakeUps(pool, ids);
    return [];
  });
  return async (payload, { job }) => {
    await ready;
    const { id } = advancePayload.parse(payload);
    // Failing the job would wake the next worker only after a back-off.
    if (!(await runtime.wake(id, job.priority))) await returnWakeUp(id);
  };
}
