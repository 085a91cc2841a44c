/** How long a model server may keep a run waiting, in milliseconds. */
export type Limits = {
  /** From the call to the first chunk of the answer (connect, queue, prompt). */
  first_chunk_ms: number;
  /** From one chunk to the next. */
  between_chunks_ms: number;
};

/** Generous: a local server may load a model first, a reasoning model thinks before it speaks. */
export const DEFAULT_LIMITS: Limits = { first_chunk_ms: 180_000, between_chunks_ms: 90_000 };

/** Watches one call: one signal for its end, whether the caller or a limit asked for it. */
export type Watch = {
  signal: AbortSignal;
  /** A chunk arrived. */
  touch(): void;
  /** The limit that was passed, if one was. */
  expired(): keyof Limits | null;
  /** Lets go of timer and listener; `abort` frees the socket of a call that was given up. */
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
    expired: () => expired,
    stop(giveUp) {
      clearTimeout(timer);
      caller.removeEventListener('abort', abort);
      if (giveUp) abort();
    },
  };
}
