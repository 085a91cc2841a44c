import type { ErrorCode, RunError } from '../../contracts/errors.ts';
import type { RunSettings } from '../../contracts/runs/run-settings.ts';

/** Attempts of one model before the next one of the agent is asked, unless settings say otherwise, and of one tool call before it has failed. */
export const ATTEMPTS = 4;
/** Back-offs longer than this park the run: it then costs a row, not memory. */
export const PARK_AFTER_MS = 2_000;
/** A model that wants to be left alone for longer is asked after the others of the agent. */
export const PATIENCE_MS = 30_000;
const DEFAULTS = { backoff_initial_seconds: 0.5, backoff_max_seconds: 30 };

/**
 * Milliseconds to wait after the `attempt`-th failure (1 = first): full jitter under a bound that doubles from
 * 0.5 s to 30 s, or as settings say, and never less than the other side asked for.
 */
export function backOff(
  error: RunError,
  attempt: number,
  random: () => number,
  settings: RunSettings = {},
): number {
  const { backoff_initial_seconds: first, backoff_max_seconds: most } = {
    ...DEFAULTS,
    ...settings,
  };
  const bound_ms = 1_000 * Math.min(most, first * 2 ** (attempt - 1));
  return Math.max(Math.round(random() * bound_ms), error.retry_after_ms ?? 0);
}

/**
 * How often a call that fails like this is made. Waiting helps against a rate limit, an overload, a network; a call that
 * took all its time takes it again, so only once more; nothing helps against a refusal.
 */
export function triesOf(error: Pick<RunError, 'code' | 'retryable'>, most = ATTEMPTS): number {
  return error.retryable ? Math.min(FEWER[error.code] ?? most, most) : 1;
}

const FEWER: Partial<Record<ErrorCode, number>> = { timeout: 2 };
