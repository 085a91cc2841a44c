/** A time limit for one piece of work of a run. */
export type Deadline = {
  /** Fires at the time limit with a `TimeoutError`, or when the signal of the run fires. */
  readonly signal: AbortSignal;
  /**
   * Ends the time limit when the work is done. Nothing fires any more, and no timer or listener is
   * left.
   */
  clear(): void;
  /** Aborts the work now. */
  abort(): void;
};

/**
 * Creates a time limit for work that ends. The signal is like `AbortSignal.any([signal,
 * AbortSignal.timeout(ms)])`. Each of those leaves a timer and weak references behind, which is
 * noticeable at thousands of calls a second.
 */
export function deadline(signal: AbortSignal, ms: number): Deadline {
  const own = new AbortController();
  const abort = (): void => own.abort(signal.reason);
  const timer = setTimeout(
    () => own.abort(new DOMException('the time limit is reached', 'TimeoutError')),
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
