import type { ErrorCode, RunError } from '../contracts/errors.ts';

/** Attempts of one model before the next one of the agent is asked, and of one tool call before it has failed. */
export const ATTEMPTS = 4;
/** Back-offs longer than this park the run: it then costs a row, not memory. */
export const PARK_AFTER_MS = 2_000;
const FIRST_DELAY_MS = 500;
/** Of our own; what a server asks for may be longer. */
export const LONGEST_DELAY_MS = 30_000;

/**
 * Milliseconds to wait after the `attempt`-th failure (1 = first): full jitter under a bound that doubles from
 * 0.5 s to 30 s, and never less than the other side asked for.
 */
export function backOff(error: RunError, attempt: number, random: () => number): number {
  const bound = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return Math.max(Math.round(random() * bound), error.retry_after_ms ?? 0);
}

/**
 * How often a call that fails like this is made. Waiting helps against a rate limit, an overload, a network; a call that
 * took all its time takes it again, so only once more; nothing helps against a refusal.
 */
export function triesOf(error: Pick<RunError, 'code' | 'retryable'>): number {
  return error.retryable ? (FEWER[error.code] ?? ATTEMPTS) : 1;
}

const FEWER: Partial<Record<ErrorCode, number>> = { timeout: 2 };
