import type { ErrorCode, RunError } from '../../contracts/errors.ts';
import type { RunSettings } from '../../contracts/runs/run-settings.ts';

/**
 * Attempts of one model before the next model of the agent is called, unless settings say
 * otherwise. Also the attempts of one tool call before it fails.
 */
export const ATTEMPTS = 4;
/** The longest back-off in memory. A longer one parks the run, which then costs a row instead. */
export const PARK_AFTER_MS = 2_000;
/**
 * The longest wait of a model that keeps its turn. A model that requires a longer wait is called
 * after the other models of the agent.
 */
export const PATIENCE_MS = 30_000;
const DEFAULTS = { backoff_initial_seconds: 0.5, backoff_max_seconds: 30 };

/**
 * Returns the milliseconds to wait after the `attempt`-th failure (1 = first). The wait has full
 * jitter under a bound that doubles from 0.5 s to 30 s, or as settings say. It is never shorter
 * than the server asked for.
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
 * Returns the maximum number of attempts at a call that fails with this error. Waiting helps
 * against a rate limit, an overload or a network failure. A call that timed out takes all its time
 * again, so it is made only once more. Nothing helps against a rejection.
 */
export function maxAttempts(error: Pick<RunError, 'code' | 'retryable'>, most = ATTEMPTS): number {
  return error.retryable ? Math.min(FEWER[error.code] ?? most, most) : 1;
}

const FEWER: Partial<Record<ErrorCode, number>> = { timeout: 2 };
