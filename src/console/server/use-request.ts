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
  const turns = useRef({ key, sent: 0, accepted: 0 });
  const sendNow = useEffectEvent(send);
  useEffect(() => {
    turns.current.key = key;
    if (key === '') return;
    const turn = ++turns.current.sent;
    const take = (result: { data?: Result; failure?: Failure }) => {
      // An answer need not be the newest: under steady reloads that one is always on its way
      if (turn < turns.current.accepted || turns.current.key !== key) return;
      turns.current.accepted = turn;
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
