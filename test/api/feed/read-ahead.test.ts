import { expect, test } from 'vitest';
import { readAhead } from '../../../src/api/feed/read-ahead.ts';

const TEN = { items: 10, bytes: Number.POSITIVE_INFINITY, bytesOf: () => 0 };

/** Returns a source of numbers that counts how many were read. */
function numbers(count: number, failure?: Error) {
  const source = {
    read: 0,
    isLeft: false,
    async next() {
      if (source.read >= count && failure) throw failure;
      if (source.read >= count || source.isLeft) return { done: true as const, value: undefined };
      source.read += 1;
      return { done: false as const, value: source.read };
    },
    async return() {
      source.isLeft = true;
      return { done: true as const, value: undefined };
    },
  };
  return source;
}

test('prepares items together, before the first is returned, and keeps their order', async () => {
  const prepared: (number | undefined)[] = [];
  const source = numbers(25);
  const ahead = readAhead(source, TEN, (one) => prepared.push(one));
  expect(await ahead.next()).toEqual({ done: false, value: 1 });
  expect(prepared).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  const rest: number[] = [];
  for (let item = await ahead.next(); !item.done; item = await ahead.next()) {
    const value = Number(item.value);
    rest.push(value);
    expect(source.read).toBeLessThanOrEqual(value + 10);
    expect(prepared).toContain(value);
  }
  expect(rest).toEqual(Array.from({ length: 24 }, (_, index) => index + 2));
});

test('reads no more ahead than its bytes, and at least one item', async () => {
  const source = numbers(40);
  const bytesOf = (one: number) => (one === 30 ? 100_000 : 300);
  const ahead = readAhead(source, { items: 10, bytes: 1_000, bytesOf }, () => {});
  expect(await ahead.next()).toEqual({ done: false, value: 1 });
  expect(source.read).toBe(4); // 900 bytes leave room for one more
  for (let value = 2; value <= 40; value += 1) {
    expect(await ahead.next()).toEqual({ done: false, value });
    expect(source.read).toBeLessThanOrEqual(value + 4);
  }
  expect((await ahead.next()).done).toBe(true);
});

test('returns what was read before a failure, and then fails', async () => {
  const ahead = readAhead(numbers(2, new Error('lost')), TEN, () => {});
  expect(await ahead.next()).toEqual({ done: false, value: 1 });
  expect(await ahead.next()).toEqual({ done: false, value: 2 });
  await expect(ahead.next()).rejects.toThrow('lost');
});

test('leaves the source, and ends a wait', async () => {
  const source = numbers(0);
  const { promise, resolve } = Promise.withResolvers<void>();
  const waiting = {
    next: () => promise.then(() => source.next()),
    return: async () => {
      resolve();
      return source.return();
    },
  };
  const ahead = readAhead(waiting, TEN, () => {});
  const next = ahead.next();
  await ahead.return?.();
  expect(await next).toEqual({ done: true, value: undefined });
  expect(source.isLeft).toBe(true);
});
