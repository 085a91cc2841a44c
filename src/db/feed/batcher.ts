/** Collects items for a moment and sends them in batches, one batch at a time. */
export type Batcher<T> = {
  add(item: T): void;
  /** Sends what has been added, behind the batch at work. Resolves when all of it is sent. */
  sendNow(): Promise<void>;
  /** Resolves when nothing is left to send. */
  over(): Promise<void>;
};

/** Creates a batcher that collects for `ms` milliseconds. Drops a batch that fails. */
export function createBatcher<T>(ms: number, send: (items: T[]) => Promise<void>): Batcher<T> {
  let pending: T[] = [];
  let sending: Promise<void> = Promise.resolve();
  let busy: Promise<void> | undefined;
  const sendNow = (): Promise<void> => {
    const items = pending;
    pending = [];
    if (items.length > 0) sending = sending.then(() => send(items)).catch(() => {});
    return sending;
  };
  const flush = async (): Promise<void> => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    await sendNow();
    busy = pending.length > 0 ? flush() : undefined;
  };
  return {
    sendNow,
    add(item) {
      pending.push(item);
      busy ??= flush();
    },
    async over() {
      while (busy) await busy;
    },
  };
}
