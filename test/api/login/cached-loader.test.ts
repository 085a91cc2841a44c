import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterEach, expect, test, vi } from 'vitest';
import { createCachedLoader, FRESH_MS } from '../../../src/api/login/cached-loader.ts';

afterEach(() => {
  vi.useRealTimers();
});

test('asks a question once while its answer is fresh', async () => {
  vi.useFakeTimers();
  const asked: number[][] = [];
  const load = createCachedLoader({
    keyOf: String,
    async ask(questions: readonly number[]) {
      asked.push([...questions]);
      return questions.map((one) => 2 * one);
    },
  });
  expect(await Promise.all([load(1), load(2), load(1)])).toEqual([2, 4, 2]);
  expect(await load(1)).toBe(2);
  await vi.advanceTimersByTimeAsync(FRESH_MS);
  expect(await load(1)).toBe(2);
  expect(asked).toEqual([[1, 2], [1]]);
});

test('does not hold answers that are no longer fresh', async () => {
  vi.useFakeTimers();
  const load = createCachedLoader({
    keyOf: String,
    ask: async (questions: readonly number[]) => questions.map((one) => ({ one })),
  });
  const answers = [new WeakRef(await load(1)), new WeakRef(await load(2))];
  await vi.advanceTimersByTimeAsync(2 * FRESH_MS);
  expect(vi.getTimerCount()).toBe(0); // nothing is left to forget
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  expect(answers.map((one) => one.deref())).toEqual([undefined, undefined]);
});
