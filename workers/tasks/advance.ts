import type { Task } from 'graphile-worker';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { advancePayload } from '../payloads.ts';

/**
 * A wake-up, not a lease: the handler ends when the run is claimed, not when it is over. Doing it twice, or for a
 * run that somebody owns, does nothing.
 */
export function advanceTask(runtime: Runtime, ready: Promise<void>): Task {
  return async (payload) => {
    await ready;
    await runtime.wake(advancePayload.parse(payload).id);
  };
}
