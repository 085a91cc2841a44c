import type { ObserveRun, RunObserver } from '../contracts/runs/run-observer.ts';

/**
 * Combines several observers of the same runs. Returns undefined when there is none, so that no
 * observer is called.
 */
export function combineObservers(all: readonly (ObserveRun | undefined)[]): ObserveRun | undefined {
  const observing = all.filter((one) => one !== undefined);
  if (observing.length < 2) return observing[0];
  return async (run) => {
    const found = await Promise.all(observing.map((observe) => observe(run)));
    return allOf(found.filter((one) => one !== undefined));
  };
}

function allOf(observers: readonly RunObserver[]): RunObserver | undefined {
  if (observers.length < 2) return observers[0];
  const tracing = observers.find(({ onModelCall }) => onModelCall);
  return {
    onCommit: (commit) => observers.forEach((one) => void one.onCommit(commit)),
    ...(tracing && {
      onModelCall: (operation, messages) => tracing.onModelCall?.(operation, messages),
      onToolCall: (callId) => tracing.onToolCall?.(callId),
    }),
  };
}
