/** Time for one piece of work of a run. */
export type Deadline = {
  /** Fires when the time is over, with a `TimeoutError`, or when the run's own signal does. */
  readonly signal: AbortSignal;
  /** The work is done: nothing fires any more, and nothing is held. */
  clear(): void;
  /** Aborts the work now. */
  abort(): void;
};

/**
 * What `AbortSignal.any([signal, AbortSignal.timeout(ms)])` gives, for work that ends: each of those leaves a timer and weak
 * references behind, which is felt at thousands of calls a second.
 */
export function deadline(signal: AbortSignal, ms: number): Deadline {
  const own = new AbortController();
  const abort = (): void => own.abort(signal.reason);
  const timer = setTimeout(
    () => own.abort(new DOMException('the time is over', 'TimeoutError')),
    ms,
  );
  timer.unref();
  signal.addEventListener('abort', abort, { once: true });
  if (signal.aborted) {
    abort();
  }
  return {
    signal: own.signal,
    clear() {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    },
    abort: () => own.abort(),
  };
}
