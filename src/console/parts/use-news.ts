import { useCallback, useEffect, useRef } from 'react';

/** Time in which the first news is gathered: steps of one commit come one after the other. */
const GATHER_MS = 20;
/** Least time between two readings. */
const PAUSE_MS = 250;

/** Events that change no row. A streaming answer has many of them. */
export const PASSING_EVENTS: readonly string[] = ['token', 'progress'];
/** Events of a step, which changes the sums of a run and seldom its status. */
export const STEP_EVENTS: readonly string[] = ['thought', 'action', 'observation'];
/** The event of a run that has started another one. */
export const STARTED_EVENT = 'started';

/**
 * Returns a function that calls `read`: soon after the first news, then at most four times a
 * second or after each pause, and always after the last news.
 */
export function useNews(read: () => void, pauseMs = PAUSE_MS): () => void {
  const timer = useRef<number>(undefined);
  const lastReadAt = useRef(Number.NEGATIVE_INFINITY);
  const latest = useRef(read);
  latest.current = read;
  useEffect(() => () => clearTimeout(timer.current), []);
  return useCallback(() => {
    const pause = lastReadAt.current + pauseMs - performance.now();
    timer.current ??= window.setTimeout(
      () => {
        timer.current = undefined;
        lastReadAt.current = performance.now();
        latest.current();
      },
      Math.max(GATHER_MS, pause),
    );
  }, [pauseMs]);
}
