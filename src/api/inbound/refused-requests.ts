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
 * as often as a connection allows. So it costs no statement of its own, and no row.
 */
export function createRefusedRequestCounter(
  write: (refused: readonly RefusedRequests[]) => Promise<void>,
  onError: (error: unknown) => void,
): RefusedRequestCounter {
  const counted = new Map<string, RefusedRequests>();
  let timer: NodeJS.Timeout | undefined;
  let writing = Promise.resolve();
  const flush = (): Promise<void> => {
    clearTimeout(timer);
    timer = undefined;
    const refused = [...counted.values()];
    counted.clear();
    if (refused.length > 0) writing = writing.then(() => write(refused).catch(onError));
    return writing;
  };
  return {
    count(refused) {
      const key = `${refused.hook_id} ${refused.code}`;
      const requests = (counted.get(key)?.requests ?? 0) + 1;
      counted.set(key, { ...refused, requests });
      timer ??= setTimeout(() => void flush(), WRITE_MS).unref();
    },
    close: flush,
  };
}
