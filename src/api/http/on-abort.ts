/**
 * Calls `work` when the signal fires, or at once if it has fired. Returns a function that cancels
 * the call.
 */
export function onAbort(signal: AbortSignal, work: () => void): () => void {
  if (signal.aborted) work();
  else signal.addEventListener('abort', work, { once: true });
  return () => signal.removeEventListener('abort', work);
}
