/** Longer than a test takes on a busy machine. */
const NEAR_MS = 45_000;
const HOUR_MS = 3_600_000;

/**
 * Waits out the end of an hour that is near, and with it that of a day and of a month (all in UTC): for tests of what is counted
 * within one, which would find it divided between two.
 */
export async function clearOfTheHour(): Promise<void> {
  const left = HOUR_MS - (Date.now() % HOUR_MS);
  if (left < NEAR_MS) await new Promise((resolve) => setTimeout(resolve, left + 1_000));
}
