import { useCallback, useEffect, useEffectEvent, useState, useSyncExternalStore } from 'react';
import type { Failure } from './failure.ts';
import type { Operation } from './operation.ts';
import { follow } from './socket.ts';

/**
 * Returns whether the tab is visible. A hidden tab follows nothing, so it costs the server nothing.
 */
export function useIsVisible(): boolean {
  return useSyncExternalStore(
    (listener) => {
      document.addEventListener('visibilitychange', listener);
      return () => document.removeEventListener('visibilitychange', listener);
    },
    () => document.visibilityState === 'visible',
  );
}

/** A subscription: why it failed, and a way to start it anew. */
export type Live = { failure: Failure | undefined; restart(): void };

type Observer<Result, Variables> = {
  /** Is called before the first event of each start, also of one after a lost connection. */
  onStart?(): void;
  onEvent(result: Result): void;
  /** Is called when the server ends the subscription. */
  onEnd?(): void;
  /** Returns the variables with which a start goes on where the last one ended. */
  resume?(): Partial<Variables>;
};

/** Follows a subscription while the tab is visible. Without variables it waits. */
export function useLive<Result, Variables extends object>(
  operation: Operation<Result, Variables>,
  variables: Variables | undefined,
  { onStart, onEvent, onEnd, resume }: Observer<Result, Variables>,
): Live {
  const isVisible = useIsVisible();
  const [failure, setFailure] = useState<Failure>();
  const [count, setCount] = useState(0);
  const key = variables === undefined || !isVisible ? '' : JSON.stringify(variables);
  const start = useEffectEvent(() => onStart?.());
  const place = useEffectEvent(() => resume?.());
  const take = useEffectEvent((result: Result) => onEvent(result));
  const end = useEffectEvent(() => onEnd?.());
  // Fewer dependencies on purpose: the key stands for the variables
  useEffect(() => {
    setFailure(undefined);
    if (key === '' || variables === undefined) return;
    start();
    const given = { ...variables, ...place() };
    return follow(operation, given, {
      next: (result) => take(result),
      failed: setFailure,
      ended: () => end(),
      restarted: () => {
        setFailure(undefined);
        start();
      },
    });
  }, [operation, key, count]);
  const restart = useCallback(() => setCount((last) => last + 1), []);
  return { failure, restart };
}
