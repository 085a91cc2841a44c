import { expect, test, vi } from 'vitest';
import { createBatcher } from '../../../src/db/feed/batcher.ts';

/** Creates a batcher whose batches are sent when the test says so. */
function withHeldBatches() {
  const batches: { items: number[]; done(): void; fail(): void }[] = [];
  const batcher = createBatcher<number>(0, (items) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    batches.push({ items, done: resolve, fail: () => reject(new Error('lost')) });
    return promise;
  });
  const begun = (count: number) => vi.waitUntil(() => batches.length === count, 5_000);
  return { batcher, batches, begun };
}

test('sendNow resolves only after the batch at work, which has earlier items', async () => {
  const { batcher, batches, begun } = withHeldBatches();
  batcher.add(1);
  await begun(1);
  let isSent = false;
  const sent = batcher.sendNow().then(() => {
    isSent = true;
  });
  await new Promise(setImmediate);
  expect(isSent).toBe(false);
  batches[0]?.done();
  await sent;
  await batcher.over();
});

test('batches are sent one at a time, in order, and a failed one is dropped', async () => {
  const { batcher, batches, begun } = withHeldBatches();
  batcher.add(1);
  await begun(1);
  batcher.add(2);
  batcher.add(3);
  const sent = batcher.sendNow();
  await new Promise(setImmediate);
  expect(batches.map(({ items }) => items)).toEqual([[1]]);
  batches[0]?.fail();
  await begun(2);
  expect(batches[1]?.items).toEqual([2, 3]);
  batches[1]?.done();
  await sent;
  await batcher.over();
});
