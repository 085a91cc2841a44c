import { setTimeout as pause } from 'node:timers/promises';

const LOOK_MS = 100;

/**
 * Resolves when this process does nothing and nothing is due. A run has its place here before its wake-up is done, and what it
 * wakes it wakes before it leaves: so where nobody was before the look at the jobs and nobody is after it, nothing is on its way.
 */
export async function untilIdle(
  hasDue: () => Promise<boolean>,
  isIdle: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (isIdle() && !(await hasDue()) && isIdle()) return;
    await pause(LOOK_MS, undefined, { signal }).catch(() => {});
  }
}
