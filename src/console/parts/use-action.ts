import { useRef, useState } from 'react';
import { type Failure, toFailure } from '../server/failure.ts';

/** An action that a person starts, such as the submission of a form. */
export type Action<Args extends unknown[]> = {
  /** Starts the action. Does nothing while it is at work. */
  start(...args: Args): void;
  isBusy: boolean;
  /** Why the action failed last. Undefined again when it is started. */
  failure: Failure | undefined;
  /** Forgets why it failed. */
  clear(): void;
};

/** Runs an action once at a time, and keeps why it failed. */
export function useAction<Args extends unknown[]>(
  work: (...args: Args) => Promise<void>,
): Action<Args> {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const isAtWork = useRef(false);
  const run = async (...args: Args) => {
    if (isAtWork.current) return;
    isAtWork.current = true;
    setBusy(true);
    setFailure(undefined);
    try {
      await work(...args);
    } catch (error) {
      setFailure(toFailure(error));
    }
    isAtWork.current = false;
    setBusy(false);
  };
  return {
    start: (...args) => void run(...args),
    isBusy,
    failure,
    clear: () => setFailure(undefined),
  };
}
