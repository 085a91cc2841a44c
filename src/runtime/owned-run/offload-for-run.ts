import { withOffload } from '../../concurrency/offload.ts';
import type { HeldRun } from './held-run.ts';

/**
 * Runs pure code for a run. Slow checks in it go to a thread within the tenant's budget, until the
 * run is no longer held.
 */
export function offloadForRun<T>({ context, abort }: HeldRun, work: () => T): T | Promise<T> {
  return withOffload(context.tenant_id, abort.signal, work);
}
