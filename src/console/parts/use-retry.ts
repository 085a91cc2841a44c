import { useEffect, useEffectEvent } from 'react';
import type { Failure } from '../server/failure.ts';
import { useIsVisible } from '../server/use-live.ts';

const RETRY_MS = 5_000;

/** Tries again every few seconds, while the tab is visible and the failure may pass by itself. */
export function useRetry(failure: Failure, retry: (() => void) | undefined): void {
  const isVisible = useIsVisible();
  const again = useEffectEvent(() => retry?.());
  useEffect(() => {
    if (!failure.isTemporary || !isVisible) return;
    const timer = setInterval(() => again(), RETRY_MS);
    return () => clearInterval(timer);
  }, [failure, isVisible]);
}
