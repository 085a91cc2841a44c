/**
 * Opens a generator whose signal fires as soon as the consumer leaves. A generator alone would only
 * notice after its next item, which may never come.
 */
export function untilLeft<T>(
  open: (signal: AbortSignal) => AsyncGenerator<T, void>,
): AsyncIterableIterator<T, undefined> {
  const leaving = new AbortController();
  const items = open(leaving.signal);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const item = await items.next();
      return item.done ? { done: true, value: undefined } : item;
    },
    async return() {
      leaving.abort();
      return { done: true, value: undefined };
    },
  };
}
