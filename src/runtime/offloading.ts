import { withOffload } from '../concurrency/offload.ts';
import type { HeldRun } from './held-run.ts';

/** Runs pure code for a run; checks in it that take long are made in a thread, by the tenant's budget, until it is lost. */
export function offloading<T>({ context, abort }: HeldRun, work: () => T): Promise<T> {
  return withOffload(context.tenant_id, abort.signal, work);
}
