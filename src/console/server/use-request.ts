import { useCallback, useEffect, useEffectEvent, useRef, useState } from 'react';
import { type Failure, toFailure } from './failure.ts';

/** The answer to a request: the newest that arrived, and why the last request failed. */
export type Loaded<Result> = {
  data: Result | undefined;
  failure: Failure | undefined;
  isLoading: boolean;
  reload(): void;
};

/** Sends a request, again whenever its key changes. With an empty key it waits. */
export function useRequest<Result>(key: string, send: () => Promise<Result>): Loaded<Result> {
  const [answer, setAnswer] = useState<{ key: string; data?: Result; failure?: Failure }>();
  const [count, setCount] = useState(0);
  const newest = useRef(0);
  const sendNow = useEffectEvent(send);
  useEffect(() => {
    if (key === '') return;
    const turn = ++newest.current;
    const take = (result: { data?: Result; failure?: Failure }) => {
      if (turn === newest.current)
        setAnswer((last) => ({ ...keepData(last, key), key, ...result }));
    };
    sendNow().then(
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
