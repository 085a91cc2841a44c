import type { RunError } from '../../contracts/errors.ts';
import type { RunState, StepSummary } from '../../contracts/runs/action.ts';
import { RETRY_STEP_NAME } from '../tool-plans/open-calls.ts';

// How long a run keeps calling models that fail.
//
// While a fallback model is left, a model has a few attempts, then the next one is called. When
// none is left, attempts go on until `retry_for` seconds have passed since the first failure of
// the series. A series ends with an answer, or when a person retries the run.
//
// The time passed is the sum of the waits and of the attempts after the first failure, as the steps
// `retry` record it. So it does not depend on the clocks of several workers. It contains neither
// the time for which a person paused the run, nor the time for which no worker was there.

/** The `input` of a step `retry` of a model. */
export type AttemptInput = {
  attempt: number;
  /** The setting model_attempts, if set. */
  attempts?: number;
  /** Milliseconds since the first failure of the series. Absent if only attempts count. */
  elapsed_ms?: number;
  /** Seconds for which the run is patient. Absent if only attempts count. */
  retry_for?: number;
  estimated_tokens?: number;
};

/** The patience of a run after a failed attempt. */
export type Patience = { retry_for: number; elapsed_ms: number; left_ms: number };

/** Returns the failed attempts since the last answer, or since the run was last retried by hand. */
export function failuresOf({ steps_since_answer: steps }: RunState): readonly StepSummary[] {
  const before = steps.findLastIndex(
    ({ kind, name, call_id }) =>
      (kind === 'model' && !call_id) || (kind === 'retry' && name === RETRY_STEP_NAME),
  );
  return steps.slice(before + 1).filter(({ kind, call_id }) => kind === 'retry' && !call_id);
}

/** Returns what a failed attempt has logged about itself. */
export function inputOf(failure: StepSummary | undefined): Partial<AttemptInput> {
  return (failure?.input ?? {}) as Partial<AttemptInput>;
}

/** Returns the milliseconds since the first failure of a series, for an attempt that has failed. */
export function elapsedMs(failures: readonly StepSummary[], attempt_ms: number): number {
  const last = failures.at(-1);
  if (!last) return 0;
  const { delay_ms = 0 } = (last.output ?? {}) as { delay_ms?: number };
  return (inputOf(last).elapsed_ms ?? 0) + delay_ms + Math.max(0, attempt_ms);
}

/** Returns the patience after the last failure. Undefined if only attempts count. */
export function patienceAfter(failures: readonly StepSummary[]): Patience | undefined {
  const { retry_for = 0, elapsed_ms = 0 } = inputOf(failures.at(-1));
  return retry_for > 0
    ? { retry_for, elapsed_ms, left_ms: retry_for * 1_000 - elapsed_ms }
    : undefined;
}

/** Returns the rest of the wait that a server asked for, for the failed attempts of its model. */
export function waitLeft(own: readonly StepSummary[], patience: Patience | undefined): number {
  const last = own.at(-1);
  const asked_ms = last?.error?.retry_after_ms ?? 0;
  const since_ms = patience ? patience.elapsed_ms - (inputOf(last).elapsed_ms ?? 0) : 0;
  return Math.max(0, asked_ms - since_ms);
}

/** Returns whether time may help: another attempt may be made until the patience is used up. */
export function isWorthWaiting({ code, retryable }: RunError): boolean {
  return retryable && code !== 'bad_answer';
}

/** Returns the error of a run whose patience does not suffice, from the last one of its models. */
export function impatientError(
  error: RunError,
  attempts: number,
  { retry_for, elapsed_ms, left_ms }: Patience,
  wait_ms: number,
): RunError {
  const why =
    left_ms > 0
      ? `It asks to wait ${seconds(wait_ms)}, but of retry_for (${retry_for} s) only ${seconds(left_ms)} are left; raise retry_for of the agent, or add a fallback model.`
      : `${attempts} attempts failed in ${seconds(elapsed_ms)}, and retry_for is ${retry_for} s.`;
  return { ...error, message: `${error.message} ${why}`, retryable: false };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
