/** The time limits of a model server, in milliseconds. */
export type Limits = {
  /** The time from the call to the first chunk of the answer (connect, queue, prompt). */
  first_chunk_ms: number;
  /** The time between two chunks. */
  between_chunks_ms: number;
};

/**
 * The default limits. They are generous: a local server may load a model first, and a reasoning
 * model thinks before it answers.
 */
export const DEFAULT_LIMITS: Limits = { first_chunk_ms: 180_000, between_chunks_ms: 90_000 };

/** The watch of one call. One signal ends the call, for the caller and for the limits. */
export type Watch = {
  signal: AbortSignal;
  /** Records that a chunk arrived. */
  touch(): void;
  /** Returns the limit that was exceeded, if any. */
  exceededLimit(): keyof Limits | null;
  /** Removes the timer and the listener. `abort` closes the socket of an abandoned call. */
  stop(abort: boolean): void;
};

export function startWatch(caller: AbortSignal, limits: Limits): Watch {
  const controller = new AbortController();
  const abort = () => controller.abort();
  let expired: keyof Limits | null = null;
  const arm = (limit: keyof Limits) =>
    setTimeout(() => {
      expired = limit;
      abort();
    }, limits[limit]);
  let timer = arm('first_chunk_ms');
  let touched = false;
  caller.addEventListener('abort', abort, { once: true });
  return {
    signal: controller.signal,
    touch() {
      if (touched) {
        timer.refresh();
        return;
      }
      touched = true;
      clearTimeout(timer);
      timer = arm('between_chunks_ms');
    },
    exceededLimit: () => expired,
    stop(giveUp) {
      clearTimeout(timer);
      caller.removeEventListener('abort', abort);
      if (giveUp) abort();
    },
  };
}
