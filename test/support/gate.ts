export type Gate = {
  /** Adds this many permits. */
  allow(count: number): void;
  /** Waits for a permit. Returns without one when `left` resolves. */
  pass(left: Promise<unknown>): Promise<void>;
  /** The number of callers that wait now. */
  readonly waiting: number;
};

/**
 * Creates a semaphore that delays model answers. A test can then observe active runs, and decide
 * when they continue.
 */
export function createGate(): Gate {
  const held: (() => void)[] = [];
  let permits = 0;
  const open = (): void => {
    while (permits > 0 && held.length > 0) {
      permits -= 1;
      held.shift()?.();
    }
  };
  return {
    allow(count) {
      permits += count;
      open();
    },
    async pass(left) {
      const { promise, resolve } = Promise.withResolvers<void>();
      held.push(resolve);
      open();
      await Promise.race([promise, left]);
      const place = held.indexOf(resolve);
      if (place >= 0) {
        held.splice(place, 1); // a caller that has left takes no permit
      }
    },
    get waiting() {
      return held.length;
    },
  };
}
