import type { Task } from 'graphile-worker';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { advancePayload } from '../payloads.ts';

/**
 * A wake-up, not a lease: the handler ends when the run is claimed, not when it is over. Doing it twice, or for a
 * run that somebody owns, does nothing.
 */
export function advanceTask(runtime: Runtime, ready: Promise<void>): Task {
  return async (payload, { job, addJob }) => {
    await ready;
    const { id } = advancePayload.parse(payload);
    const isTaken = await runtime.wake(id, job.priority);
    if (!isTaken) {
      // Failing the job would wake the next worker only after a back-off.
      await addJob('advance', { id }, { jobKey: id, priority: job.priority, runAt: job.run_at });
    }
  };
}
