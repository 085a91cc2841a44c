import { HowdahError } from '../contracts/errors.ts';

/**
 * Time before the next attempt when a server does not answer, in milliseconds, and the most failed
 * attempts in a row.
 */
export const RECONNECT_MS = 500;
export const MAX_SILENCES = 60;

/**
 * Retries a request for half a minute while the server does not answer. The request must be one
 * that may be repeated. Throws the error of a rejected request.
 */
export async function retry<T>(ask: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let silences = 1; ; silences += 1) {
    try {
      return await ask();
    } catch (error) {
      const isAway = error instanceof HowdahError && error.code === 'EUNREACHABLE';
      if (!isAway || silences > MAX_SILENCES || !(await pause(signal))) throw error;
    }
  }
}

/** Waits before the next attempt. Returns false as soon as the signal has fired. */
function pause(signal: AbortSignal | undefined): Promise<boolean> {
  if (signal?.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (isOver: boolean) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
      resolve(isOver);
    };
    const onAbort = () => end(false);
    const timer = setTimeout(() => end(true), RECONNECT_MS);
    signal?.addEventListener('abort', onAbort);
  });
}
