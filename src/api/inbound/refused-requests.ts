import type { RefusedRequests } from '../../db/operations/inbound-hooks.ts';

/** The time between two writes. */
const WRITE_MS = 1_000;

/** Counts refused requests, and writes the numbers once a second. */
export type RefusedRequestCounter = {
  count(refused: Omit<RefusedRequests, 'requests'>): void;
  /** Writes what was counted, and counts nothing more. */
  close(): Promise<void>;
};

/**
 * Creates a counter of refused requests. A request that is not verified may come from anybody, and
 * as often as a connection allows. So it costs no statement of its own, and no row. One write runs
 * at a time, and requests that come meanwhile are counted for the next one.
 */
export function createRefusedRequestCounter(
  write: (refused: readonly RefusedRequests[]) => Promise<void>,
  onError: (error: unknown) => void,
): RefusedRequestCounter {
  const counted = new Map<string, RefusedRequests>();
  let timer: NodeJS.Timeout | undefined;
  let writing: Promise<void> | undefined;
  let isClosed = false;
  const schedule = () => {
    if (timer || writing || isClosed || counted.size === 0) return;
    timer = setTimeout(() => void writeCounted(), WRITE_MS).unref();
  };
  const writeCounted = (): Promise<void> => {
    timer = undefined;
    const refused = [...counted.values()];
    counted.clear();
    writing = write(refused)
      .catch(onError)
      .finally(() => {
        writing = undefined;
        schedule();
      });
    return writing;
  };
  return {
    count(refused) {
      if (isClosed) return;
      const key = `${refused.hook_id} ${refused.code}`;
      const requests = (counted.get(key)?.requests ?? 0) + 1;
      counted.set(key, { ...refused, requests });
      schedule();
    },
    async close() {
      isClosed = true;
      clearTimeout(timer);
      await writing;
      if (counted.size > 0) await writeCounted();
    },
  };
}
