import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 100;

/**
 * Resolves when this process is idle and nothing is due. A run takes its slot here before its
 * wake-up is done, and wakes other runs before it leaves. If the process is idle both before and
 * after the check for due jobs, nothing is pending.
 */
export async function untilIdle(
  hasDue: () => Promise<boolean>,
  isIdle: () => boolean,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    if (isIdle() && !(await hasDue()) && isIdle()) return;
    await pause(POLL_MS, undefined, { signal }).catch(() => {});
  }
}
