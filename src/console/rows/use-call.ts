import { useState } from 'react';
import { type Failure, toFailure } from '../server/failure.ts';
import { callRest } from '../server/rest.ts';

/** Sends a request once at a time, and keeps why the last one failed. */
export function useCall(done: () => void) {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const call = async (path: string, request: Parameters<typeof callRest>[1]) => {
    if (isBusy) return;
    setBusy(true);
    setFailure(undefined);
    try {
      await callRest(path, request);
      done();
    } catch (error) {
      setFailure(toFailure(error));
    }
    setBusy(false);
  };
  return { call, failure, isBusy };
}
