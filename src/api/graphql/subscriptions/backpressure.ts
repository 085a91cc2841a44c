/** Most events of one subscription on their way from the feed to the socket. */
const MAX_PENDING_EVENTS = 32;

/**
 * Makes the feed wait for the socket. Grafast takes events as fast as they come, and buffers the
 * results without a bound until the socket takes them. So events are counted in at the source and
 * out at the socket.
 */
export type Backpressure = {
  /** Wraps the events on their way into Grafast. */
  source<T>(events: AsyncIterableIterator<T>): AsyncIterableIterator<T>;
  /** Wraps the results on their way out. */
  sink<T>(results: AsyncIterableIterator<T>): AsyncIterableIterator<T>;
};

/**
 * Creates the back-pressure of one subscription. `nextRow` lets the subscription hand out one more
 * event, as `CallerTurns` does.
 */
export function createBackpressure(nextRow: () => Promise<void> | undefined): Backpressure {
  let underWay = 0;
  let room: PromiseWithResolvers<void> | undefined;
  const hasRoom = async () => {
    await nextRow();
    while (underWay >= MAX_PENDING_EVENTS) {
      room ??= Promise.withResolvers<void>();
      await room.promise;
    }
  };
  const count = (change: number) => {
    underWay = Math.max(0, underWay + change);
    room?.resolve();
    room = undefined;
  };
  return {
    source: (events) => around(events, { before: hasRoom, after: () => count(1) }),
    sink: (results) => around(results, { before: async () => {}, after: () => count(-1) }),
  };
}

function around<T>(
  inner: AsyncIterableIterator<T>,
  { before, after }: { before(): Promise<void>; after(): void },
): AsyncIterableIterator<T> {
  const outer: AsyncIterableIterator<T> = {
    [Symbol.asyncIterator]: () => outer,
    async next() {
      await before();
      const item = await inner.next();
      if (!item.done) after();
      return item;
    },
    return: async () => (await inner.return?.()) ?? { done: true, value: undefined },
  };
  return outer;
}
