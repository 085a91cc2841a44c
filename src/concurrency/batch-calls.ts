/**
 * Returns a function that collects its arguments during one turn of the event loop, and then calls
 * `work` once with all of them. Each call resolves or rejects as that call of `work` does.
 */
export function batchCalls<T>(work: (items: T[]) => Promise<void>): (item: T) => Promise<void> {
  let items: T[] = [];
  let result: Promise<void> | undefined;
  return (item) => {
    items.push(item);
    result ??= new Promise<void>((resolve) => setImmediate(resolve)).then(() => {
      const all = items;
      items = [];
      result = undefined;
      return work(all);
    });
    return result;
  };
}
