import { withinTime } from '../../../src/concurrency/within-time.ts';

/**
 * The longest wait for synchronous work. What takes milliseconds in linear time takes hours or for
 * ever otherwise, so the number does not depend on the machine.
 */
const MAX_MS = 60_000;

/**
 * Returns the result of synchronous work on a hostile value, and fails if the work does not finish.
 * Vitest cannot interrupt such work. It says nothing about how fast the work is.
 */
export function finish<T>(work: () => T): T {
  return withinTime(MAX_MS, work);
}
