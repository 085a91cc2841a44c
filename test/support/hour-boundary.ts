/** Longer than a test takes on a busy machine. */
const NEAR_MS = 45_000;
const HOUR_MS = 3_600_000;

/**
 * Waits until the next hour (UTC) if the current hour is about to end. Tests of counters per hour,
 * day or month must not be split between two periods.
 */
export async function waitPastHourBoundary(): Promise<void> {
  const left = HOUR_MS - (Date.now() % HOUR_MS);
  if (left < NEAR_MS) await new Promise((resolve) => setTimeout(resolve, left + 1_000));
}
