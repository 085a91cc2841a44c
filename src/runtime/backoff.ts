import type { RunError } from '../contracts/errors.ts';

/** Attempts of one model before the next one of the agent is asked. */
export const ATTEMPTS_PER_MODEL = 4;
const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 30_000;

/**
 * Milliseconds to wait after the `attempt`-th failure (1 = first): full jitter under a bound that doubles from
 * 0.5 s to 30 s, and never less than the other side asked for.
 */
export function backOff(error: RunError, attempt: number, random: () => number): number {
  const bound = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** (attempt - 1));
  return Math.max(Math.round(random() * bound), error.retry_after_ms ?? 0);
}
