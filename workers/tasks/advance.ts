import type { Task } from 'graphile-worker';
import { createBatchLoader } from '../../src/concurrency/batch-loader.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { returnWakeUps } from '../../src/db/worker/wake-ups.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { advancePayload } from '../payloads.ts';

/**
 * Creates the task that wakes a run. A wake-up is not a lease: the handler ends when the run is
 * claimed, not when the run is over. A second wake-up, or one for a run with an owner, does
 * nothing.
 */
export function advanceTask(pool: Pool, runtime: Runtime, ready: Promise<void>): Task {
  // All jobs that wait for room are rejected at once, so one statement returns their wake-ups.
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
