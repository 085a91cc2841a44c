import { expect, test } from 'vitest';
import { lazy } from '../../src/concurrency/lazy.ts';

test('a value is loaded once, on first use', async () => {
  let loads = 0;
  const value = lazy(async () => {
    loads += 1;
    return {};
  });
  expect(await value.ifLoaded()).toBeUndefined();
  expect(loads).toBe(0);
  const [one, other] = await Promise.all([value.get(), value.get()]);
  expect(other).toBe(one);
  expect(await value.ifLoaded()).toBe(one);
  expect(loads).toBe(1);
});

test('a failed load is not cached: the next use loads again', async () => {
  const results = [Promise.reject(new Error('EMFILE')), Promise.resolve('loaded')];
  const value = lazy(() => results.shift() as Promise<string>);
  const first = value.get();
  expect(await value.ifLoaded()).toBeUndefined();
  await expect(first).rejects.toThrow('EMFILE');
  expect(await value.ifLoaded()).toBeUndefined();
  expect(await value.get()).toBe('loaded');
  expect(await value.ifLoaded()).toBe('loaded');
});
