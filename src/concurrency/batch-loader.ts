/**
 * Returns a function that loads one value by its key. `load` is called for many keys at once: while
 * one call is under way, the keys of all others are collected for the next. So each value is read
 * after it was requested, and `load` needs one connection. `load` returns the values in the order
 * of the keys. If it rejects, all keys of that call reject.
 */
export function createBatchLoader<Key, Value>(
  load: (keys: Key[]) => Promise<readonly Value[]>,
): (key: Key) => Promise<Value> {
  let batch: { keys: Key[]; values: Promise<readonly Value[]> } | undefined;
  let underWay: Promise<unknown> = Promise.resolve();
  const send = async (keys: Key[]) => {
    await underWay;
    batch = undefined;
    const values = load(keys);
    const holdsNoValue = () => {};
    underWay = values.then(holdsNoValue, holdsNoValue);
    return values;
  };
  return async (key) => {
    const keys: Key[] = batch?.keys ?? [];
    batch ??= { keys, values: send(keys) };
    const index = keys.push(key) - 1;
    return (await batch.values)[index] as Value;
  };
}
