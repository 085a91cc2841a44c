/** Gives the place back; calling it again does nothing. */
export type ReleasePlace = () => void;

export type FairSemaphore = {
  /** How many places are taken. */
  readonly taken: number;
  /** How many callers wait for a place. */
  readonly waiting: number;
  /**
   * Resolves when it is the key's turn, with the function that gives the place back. Rejects with the reason of the signal
   * when the signal fires first; then there is nothing to give back.
   */
  acquire(key: string, signal?: AbortSignal): Promise<ReleasePlace>;
};

export type FairSemaphoreOptions = {
  /** How many may hold a place at the same time. */
  places: number;
  /** The most places of one key. Smaller than `places`, so that a key always leaves some to the others. */
  share: number;
};

type Waiter = { admit(): void };

/**
 * A semaphore with keys, such as tenants. Two rules keep one key from stalling the others:
 *
 * - A key never holds more than its share, also while nobody else waits: a place that is held for minutes cannot be taken
 *   back when somebody else comes.
 * - A place that becomes free goes to the keys in turns, however many callers of one key wait. Within a key it goes in
 *   the order of the calls.
 */
export function createFairSemaphore({ places, share }: FairSemaphoreOptions): FairSemaphore {
  if (!(places >= 1 && share >= 1)) {
    throw new RangeError(`places (${places}) and share (${share}) must be at least 1`);
  }
  const held = new Map<string, number>();
  /** The key whose turn was longest ago comes first. */
  const queues = new Map<string, Set<Waiter>>();
  let taken = 0;
  let waiting = 0;

  const isBelowShare = (key: string): boolean => (held.get(key) ?? 0) < share;

  const take = (key: string): ReleasePlace => {
    taken += 1;
    held.set(key, (held.get(key) ?? 0) + 1);
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      taken -= 1;
      const left = (held.get(key) ?? 1) - 1;
      if (left > 0) held.set(key, left);
      else held.delete(key);
      moveBehindOthers(key);
      admitNext();
    };
  };

  const leave = (key: string, waiter: Waiter): void => {
    const queue = queues.get(key);
    if (!queue?.delete(waiter)) return;
    waiting -= 1;
    if (queue.size === 0) queues.delete(key);
  };

  const moveBehindOthers = (key: string): void => {
    const queue = queues.get(key);
    if (queue && queues.delete(key)) queues.set(key, queue);
  };

  const admitNext = (): void => {
    for (const [key, queue] of queues) {
      if (taken >= places) return;
      const [next] = queue;
      if (!next || !isBelowShare(key)) continue;
      leave(key, next);
      moveBehindOthers(key);
      next.admit();
      return;
    }
  };

  return {
    get taken() {
      return taken;
    },
    get waiting() {
      return waiting;
    },
    async acquire(key, signal) {
      signal?.throwIfAborted();
      if (taken < places && isBelowShare(key)) return take(key);
      return new Promise((resolve, reject) => {
        const refuse = () => {
          leave(key, waiter);
          reject(signal?.reason);
        };
        const waiter: Waiter = {
          admit() {
            signal?.removeEventListener('abort', refuse);
            resolve(take(key));
          },
        };
        const queue = queues.get(key) ?? new Set();
        queues.set(key, queue.add(waiter));
        waiting += 1;
        signal?.addEventListener('abort', refuse, { once: true });
      });
    },
  };
}
