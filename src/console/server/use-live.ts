import { useEffect, useEffectEvent, useState, useSyncExternalStore } from 'react';
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

/**
 * Follows a subscription while the tab is visible. Without variables it waits. `onStart` is called
 * before the first event of each start, also of a start after a lost connection.
 */
export function useLive<Result, Variables extends object>(
  operation: Operation<Result, Variables>,
  variables: Variables | undefined,
  { onStart, onEvent }: { onStart?(): void; onEvent(result: Result): void },
): Failure | undefined {
  const isVisible = useIsVisible();
  const [failure, setFailure] = useState<Failure>();
  const key = variables === undefined || !isVisible ? '' : JSON.stringify(variables);
  const start = useEffectEvent(() => onStart?.());
  const take = useEffectEvent((result: Result) => onEvent(result));
  // Fewer dependencies on purpose: the key stands for the variables
  useEffect(() => {
    setFailure(undefined);
    if (key === '' || variables === undefined) return;
    start();
    return follow(operation, variables, {
      next: (result) => take(result),
      failed: setFailure,
      restarted: () => {
        setFailure(undefined);
        start();
      },
    });
  }, [operation, key]);
  return failure;
}
