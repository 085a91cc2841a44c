import type { Outcome } from '../../../contracts/errors.ts';
import { errorOfAbort } from '../../custom/custom-tools.ts';

/**
 * Waits for the work until the signal fires. The work itself continues for other callers that wait
 * for it.
 */
export async function raceAbort<T>(
  work: Promise<Outcome<T>>,
  signal: AbortSignal,
): Promise<Outcome<T>> {
  const { promise, resolve } = Promise.withResolvers<Outcome<T>>();
  const abort = (): void => resolve({ ok: false, error: errorOfAbort(signal.reason) });
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
