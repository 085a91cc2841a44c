import { setTimeout as sleep } from 'node:timers/promises';
import { readStepLog } from './step-log.ts';

// The work in the middle of which a process is killed.

export const RUNS = 200;
export const CALLS = 20;
const PATIENCE_MS = 60_000;

/** Waits until half of all calls have ended. */
export async function halfDone(log: string): Promise<void> {
  const until = performance.now() + PATIENCE_MS;
  while (readStepLog(log).filter(({ what }) => what === 'end').length < (RUNS * CALLS) / 2) {
    if (performance.now() > until) {
      throw new Error('half of the calls were not done within a minute');
    }
    await sleep(20);
  }
}
