import { useEffect, useEffectEvent } from 'react';
import { useIsVisible } from './use-live.ts';

/** Time to the first reading after a change. */
const FIRST_MS = 1_000;
/** The longest time between two readings. */
const LAST_MS = 30_000;
const GROWTH = 1.5;

/**
 * Reads again and again what no subscription follows: soon after a change of `seen`, and then ever
 * more rarely, at least every `lastMs`. A hidden tab reads nothing.
 */
export function usePolling(
  read: () => void,
  seen: string,
  { isOn = true, lastMs = LAST_MS }: { isOn?: boolean; lastMs?: number } = {},
): void {
  const isVisible = useIsVisible();
  const readNow = useEffectEvent(read);
  // `seen` is a dependency on purpose: after a change the next one is near
  useEffect(() => {
    if (!isVisible || !isOn) return;
    let wait = FIRST_MS;
    let timer = 0;
    const turn = () => {
      readNow();
      wait = Math.min(wait * GROWTH, lastMs);
      timer = window.setTimeout(turn, wait);
    };
    timer = window.setTimeout(turn, wait);
    return () => clearTimeout(timer);
  }, [isVisible, isOn, seen, lastMs]);
}
