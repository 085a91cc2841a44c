import { HowdahError } from '../contracts/errors.ts';

/** Milliseconds before a server that did not answer is asked again, and how often in a row it may not. */
export const RECONNECT_MS = 500;
export const MOST_SILENCES = 60;

/** Asks again while nobody answers, for half a minute: only what may be asked twice. Throws what is refused. */
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
