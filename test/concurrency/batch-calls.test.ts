import { expect, test } from 'vitest';
import { batchCalls } from '../../src/concurrency/batch-calls.ts';

test('makes one call of all arguments of a turn of the event loop', async () => {
  const calls: number[][] = [];
  const add = batchCalls<number>(async (items) => {
    calls.push(items);
  });
  await Promise.all([add(1), add(2), add(3)]);
  await add(4);
  expect(calls).toEqual([[1, 2, 3], [4]]);
});

test('rejects every call of a batch that fails, and none of the next', async () => {
  const add = batchCalls<string>(async (items) => {
    if (items.includes('bad')) throw new Error(items.join());
  });
  const both = await Promise.allSettled([add('good'), add('bad')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await expect(add('good')).resolves.toBeUndefined();
});
