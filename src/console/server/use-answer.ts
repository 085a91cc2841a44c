import { useCallback, useEffect, useRef, useState } from 'react';
import { type Failure, toFailure } from './failure.ts';
import { ask } from './graphql.ts';
import type { Operation } from './operation.ts';

/** The answer to a query: the newest that arrived, and why the last request failed. */
export type Loaded<Result> = {
  data: Result | undefined;
  failure: Failure | undefined;
  isLoading: boolean;
  reload(): void;
};

/** Runs a query, again whenever its variables change. Without variables it waits. */
export function useAnswer<Result, Variables>(
  operation: Operation<Result, Variables>,
  variables: Variables | undefined,
): Loaded<Result> {
  const [answer, setAnswer] = useState<{ key: string; data?: Result; failure?: Failure }>();
  const [count, setCount] = useState(0);
  const key = variables === undefined ? '' : `${operation.name} ${JSON.stringify(variables)}`;
  const newest = useRef(0);
  // Fewer dependencies on purpose: the key stands for the variables
  useEffect(() => {
    if (variables === undefined) return;
    const turn = ++newest.current;
    const take = (result: { data?: Result; failure?: Failure }) => {
      if (turn === newest.current)
        setAnswer((last) => ({ ...keepData(last, key), key, ...result }));
    };
    ask(operation, variables).then(
      (data) => take({ data, failure: undefined }),
      (error: unknown) => take({ failure: toFailure(error) }),
    );
  }, [key, count]);
  const reload = useCallback(() => setCount((last) => last + 1), []);
  const isCurrent = answer?.key === key;
  return {
    data: isCurrent ? answer.data : undefined,
    failure: isCurrent ? answer.failure : undefined,
    isLoading: key !== '' && !isCurrent,
    reload,
  };
}

function keepData<Data>(last: { key: string; data?: Data } | undefined, key: string) {
  return last?.key === key && last.data !== undefined ? { data: last.data } : {};
}
