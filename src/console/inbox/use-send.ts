import { useState } from 'react';
import { type Failure, toFailure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
import type { Operation } from '../server/operation.ts';

/** Sends an answer once at a time, and keeps why the last one was rejected. */
export function useSend(answered: () => void) {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setBusy] = useState(false);
  const send = async <Result, Variables>(
    operation: Operation<Result, Variables>,
    variables: Variables,
  ) => {
    if (isBusy) return;
    setBusy(true);
    setFailure(undefined);
    try {
      await request(operation, variables);
      answered();
    } catch (error) {
      setFailure(toFailure(error));
    }
    setBusy(false);
  };
  return { send, failure, isBusy };
}
