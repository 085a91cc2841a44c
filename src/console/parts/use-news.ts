import { useCallback, useEffect, useRef } from 'react';

/** Time in which news is gathered before it is read. */
const GATHER_MS = 250;

/** Events that change no row. A streaming answer has many of them. */
export const PASSING_EVENTS: readonly string[] = ['token', 'progress'];

/** Returns a function that calls `read` after a pause, once for all calls in the pause. */
export function useNews(read: () => void): () => void {
  const timer = useRef<number>(undefined);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    timer.current ??= window.setTimeout(() => {
      timer.current = undefined;
      latest.current();
    }, GATHER_MS);
  }, []);
}
