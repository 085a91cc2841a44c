import type { RunError } from '../../contracts/errors.ts';
import type { StepNote } from '../../contracts/runs/action.ts';
import type { StepRecord } from '../../contracts/runs/step.ts';
import type { Filtered } from '../../db/runs/output-filters.ts';
import type { Json } from '../../json/json.ts';

/** The guards that speak when filters have found something: it was let out, cleaned or flagged, or it was not. */
export const FILTERED = 'output_filter';
export const BLOCKED = 'output_blocked';

/** Something a run is about to say or to send, as the filters of its tenant leave it, with what the log is told of that. */
export type FilterResult<T extends Json> =
  | { isBlocked: false; value: T; guards: StepRecord[] }
  | { isBlocked: true; filter: string; guards: StepRecord[] };

export function toFilterResult<T extends Json>(
  { value, hits, place }: Filtered,
  call_id?: string,
): FilterResult<T> {
  const last = hits.at(-1);
  const isBlocked = last?.action === 'block';
  const guard: StepRecord = {
    kind: 'guard',
    name: isBlocked ? BLOCKED : FILTERED,
    ...(call_id ? { call_id } : {}),
    output: { place, hits },
  };
  const guards = last ? [guard] : [];
  return isBlocked
    ? { isBlocked, filter: last.filter, guards }
    : { isBlocked: false, value: value as T, guards };
}

/** What a model is told of a call that was blocked. */
export function blockedCall(what: string, filter: string): RunError {
  return {
    code: 'rejected',
    message: `${what}: the output filter ${filter} does not let it out`,
    retryable: false,
    cause: { filter, sqlstate: 'HWDEN', hint: 'Leave out what it looks for.' },
  };
}

/** What stands in the place of an answer that was blocked, and what the model is told of it. */
export function blockedAnswer(filter: string): { content: string; reply: string } {
  return {
    content: `[withheld by the output filter ${filter}]`,
    reply: `Your answer was not let out: the output filter ${filter} found something in it that must not leave. Answer again without it.`,
  };
}

/** The filter that kept a task from its member, if the step says that. */
export function blockedBy({ kind, name, output }: StepNote): string | undefined {
  if (kind !== 'guard' || name !== BLOCKED) return undefined;
  const { hits } = output as { hits: { filter: string }[] };
  return hits.at(-1)?.filter;
}
