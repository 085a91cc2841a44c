export type Gate = {
  /** Lets this many more callers through. */
  allow(count: number): void;
  /** Waits to be let through. Gives up when `left` resolves. */
  pass(left: Promise<unknown>): Promise<void>;
  /** Number of callers that wait now. */
  readonly waiting: number;
};

/** Holds model answers back, so that a test finds active runs and decides when they continue. */
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
        held.splice(place, 1); // who has left needs no permit
      }
    },
    get waiting() {
      return held.length;
    },
  };
}
