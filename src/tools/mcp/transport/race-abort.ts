import type { Outcome } from '../../../contracts/errors.ts';
import { ended } from '../../custom/custom.ts';

/** What the signal ends is the waiting: the work goes on for the others who wait for it. */
export async function raceAbort<T>(
  work: Promise<Outcome<T>>,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<T>>();
  const abort = (): void => resolve({ ok: false, error: ended(signal.reason) });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
