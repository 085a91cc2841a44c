import { expect, test } from 'vitest';
import { createBatchLoader } from '../../src/concurrency/batch-loader.ts';

test('the next call loads the keys requested during a call, in order', async () => {
  const calls: number[][] = [];
  const isOver = Promise.withResolvers<void>();
  const load = createBatchLoader(async (keys: number[]) => {
    calls.push(keys);
    if (keys.includes(1)) await isOver.promise;
    return keys.map((key) => key * 10);
  });
  const first = load(1);
  await Promise.resolve();
  const others = [load(2), load(3), load(2)];
  expect(calls).toEqual([[1]]);
  isOver.resolve();
  expect(await Promise.all([first, ...others])).toEqual([10, 20, 30, 20]);
  expect(calls).toEqual([[1], [2, 3, 2]]);
});

test('rejects every key of a failed call and none of the next call', async () => {
  const load = createBatchLoader(async (keys: string[]) => {
    if (keys.includes('bad')) throw new Error(keys.join());
    return keys;
  });
  const both = await Promise.allSettled([load('good'), load('bad')]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  expect(await load('good')).toBe('good');
});
