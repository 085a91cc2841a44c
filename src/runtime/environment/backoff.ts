import type { ErrorCode, RunError } from '../../contracts/errors.ts';
import type { WaitBounds } from '../../contracts/runs/action.ts';
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
/** Seconds for which calls are repeated when no fallback model is left. */
export const RETRY_FOR = 600;

type Bounds = Required<Pick<RunSettings, 'backoff_initial_seconds' | 'backoff_max_seconds'>>;
const SHORT: Bounds = { backoff_initial_seconds: 0.5, backoff_max_seconds: 30 };
const PATIENT: Bounds = { backoff_initial_seconds: 1, backoff_max_seconds: 60 };
/** Longest addition to a wait that a server asked for, as a part of it. */
const SPREAD = 0.1;

/**
 * Returns the milliseconds to wait after the `attempt`-th failure (1 = first). The wait is between
 * a half and the whole of a bound that doubles from 0.5 s to 30 s, or as settings say. It is never
 * shorter than the server asked for.
 */
export function backOff(
  error: RunError,
  attempt: number,
  random: () => number,
  settings: RunSettings = {},
): number {
  return Math.max(jitter({ ...SHORT, ...settings }, attempt, random), error.retry_after_ms ?? 0);
}

/**
 * Returns the milliseconds to wait after the `attempt`-th failure when no other model is left. The
 * bound doubles from 1 s to 60 s, or as settings say. Runs that a server told to wait for the same
 * time do not all return at once.
 */
export function patientBackOff(
  { least_ms, most_ms }: WaitBounds,
  attempt: number,
  random: () => number,
  settings: RunSettings = {},
): number {
  const wait = jitter({ ...PATIENT, ...settings }, attempt, random);
  const spread = Math.round(least_ms * (1 + SPREAD * random()));
  return Math.max(least_ms, Math.min(most_ms, Math.max(wait, spread)));
}

function jitter(bounds: Bounds, attempt: number, random: () => number): number {
  const { backoff_initial_seconds: first, backoff_max_seconds: most } = bounds;
  const bound_ms = 1_000 * Math.min(most, first * 2 ** (attempt - 1));
  return Math.round((bound_ms / 2) * (1 + random()));
}

/**
 * Returns the maximum number of attempts at a call that fails with this error, as long as another
 * model may be called instead. Waiting helps against a rate limit, an overload or a network
 * failure. A call that timed out takes all its time again, so it is made only once more. Nothing
 * helps against a rejection.
 */
export function maxAttempts(error: Pick<RunError, 'code' | 'retryable'>, most = ATTEMPTS): number {
  return error.retryable ? Math.min(FEWER[error.code] ?? most, most) : 1;
}

const FEWER: Partial<Record<ErrorCode, number>> = { timeout: 2 };
