import { withOffload } from '../../concurrency/offload.ts';
import type { RunContext } from '../../contracts/runs/run-context.ts';

/** A run that is held, as far as the offload needs it. */
type OffloadingRun = { context: Pick<RunContext, 'tenant_id'>; abort: AbortController };

/**
 * Runs pure code for a run. Slow checks in it go to a thread within the tenant's budget, until the
 * run is no longer held.
 */
export function offloadForRun<T>({ context, abort }: OffloadingRun, work: () => T): T | Promise<T> {
  return withOffload(context.tenant_id, abort.signal, work);
}
