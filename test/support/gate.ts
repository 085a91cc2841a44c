export type Gate = {
  /** Lets so many more through. */
  allow(count: number): void;
  /** Waits to be let through; gives up when `left` resolves. */
  pass(left: Promise<unknown>): Promise<void>;
  /** How many wait now. */
  readonly waiting: number;
};

/** Holds model answers back, so that a test finds runs under way and decides when they go on. */
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
