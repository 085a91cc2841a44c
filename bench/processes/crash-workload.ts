import { setTimeout as sleep } from 'node:timers/promises';
import { readStepLog } from './step-log.ts';

// The work during which a process is killed.

export const RUNS = 200;
export const CALLS_PER_RUN = 20;
const TIMEOUT_MS = 60_000;

/** Waits until half of all calls have ended, according to the step log. */
export async function waitUntilHalfDone(log: string): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (
    readStepLog(log).filter(({ event }) => event === 'end').length <
    (RUNS * CALLS_PER_RUN) / 2
  ) {
    if (performance.now() > deadline) {
      throw new Error('half of the calls were not done within a minute');
    }
    await sleep(20);
  }
}
