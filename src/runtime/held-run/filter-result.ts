import type { RunError } from '../../contracts/errors.ts';
import type { StepSummary } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { FilteredValue } from '../../db/access/output-filters.ts';
import type { Json } from '../../json/json.ts';

/**
 * The names of guards for hits of filters. `FILTERED_GUARD` means that the value was let out,
 * cleaned or flagged, and `BLOCKED_GUARD` that it was not.
 */
export const FILTERED_GUARD = 'output_filter';
export const BLOCKED_GUARD = 'output_blocked';

/**
 * A value that a run is about to say or to send, after the filters of its tenant. `guardSteps` are
 * the steps that record the hits in the log.
 */
export type FilterResult<T extends Json> =
  | { isBlocked: false; value: T; guardSteps: StepRecord[] }
  | { isBlocked: true; filter: string; guardSteps: StepRecord[] };

export function toFilterResult<T extends Json>(
  { value, hits, place }: FilteredValue,
  call_id?: string,
): FilterResult<T> {
  const last = hits.at(-1);
  const isBlocked = last?.action === 'block';
  const guard: StepRecord = {
    kind: 'guard',
    name: isBlocked ? BLOCKED_GUARD : FILTERED_GUARD,
    ...(call_id ? { call_id } : {}),
    output: { place, hits },
  };
  const guardSteps = last ? [guard] : [];
  return isBlocked
    ? { isBlocked, filter: last.filter, guardSteps }
    : { isBlocked: false, value: value as T, guardSteps };
}

/** Returns the error that a model receives for a blocked call. */
export function blockedCallError(what: string, filter: string): RunError {
  return {
    code: 'rejected',
    message: `${what}: the output filter ${filter} does not let it out`,
    retryable: false,
    cause: { filter, sqlstate: 'HWDEN', hint: 'Leave out what it looks for.' },
  };
}

/** Returns the replacement of a blocked answer, and the reply to the model. */
export function blockedAnswer(filter: string): { content: string; reply: string } {
  return {
    content: `[withheld by the output filter ${filter}]`,
    reply: `Your answer was not let out: the output filter ${filter} found something in it that must not leave. Answer again without it.`,
  };
}

/** Returns the filter that blocked the task of a member, if the step records this. */
export function blockedBy({ kind, name, output }: StepSummary): string | undefined {
  if (kind !== 'guard' || name !== BLOCKED_GUARD) return undefined;
  const { hits } = output as { hits: { filter: string }[] };
  return hits.at(-1)?.filter;
}
