import { HowdahError } from '../contracts/errors.ts';

/**
 * Time before the next attempt when a server does not answer, in milliseconds, and the most failed
 * attempts in a row.
 */
export const RECONNECT_MS = 500;
export const MOST_SILENCES = 60;

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
      if (!isAway || signal?.aborted || silences > MOST_SILENCES) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, RECONNECT_MS));
  }
}
