import { expect, test } from 'vitest';
import { KeyedSemaphore } from '../../src/concurrency/keyed-semaphore.ts';

test('each key has its own permits', async () => {
  const semaphore = new KeyedSemaphore(2);
  const releases = await Promise.all(['a', 'a', 'b'].map((key) => semaphore.acquire(key)));
  expect(semaphore.tryAcquire('a')).toBeUndefined();
  expect(semaphore.tryAcquire('b')).toBeDefined();
  releases[0]?.();
  expect(semaphore.tryAcquire('a')).toBeDefined();
});

test('callers of a key enter by priority, then in order of arrival', async () => {
  const semaphore = new KeyedSemaphore(1);
  const release = await semaphore.acquire('a');
  const entered: string[] = [];
  const callers = Object.entries({ late: 1, first: 0, second: 0 }).map(async ([name, priority]) => {
    const releaseOwn = await semaphore.acquire('a', { priority });
    entered.push(name);
    releaseOwn();
  });
  release();
  await Promise.all(callers);
  expect(entered).toEqual(['first', 'second', 'late']);
});

test('a key without permits is removed', async () => {
  const semaphore = new KeyedSemaphore(1);
  const release = await semaphore.acquire('a');
  const abort = new AbortController();
  const leaving = semaphore.acquire('a', { signal: abort.signal });
  const next = semaphore.acquire('a');
  abort.abort('gone');
  await expect(leaving).rejects.toBe('gone');
  release();
  expect(semaphore.size).toBe(1); // the entry of the next caller
  (await next)();
  expect(semaphore.size).toBe(0);
  await expect(semaphore.acquire('b', { signal: abort.signal })).rejects.toBe('gone');
  expect(semaphore.size).toBe(0);
});

test('a second release has no effect, even after the key was removed', async () => {
  const semaphore = new KeyedSemaphore(1);
  const release = await semaphore.acquire('a');
  release();
  const releaseLater = await semaphore.acquire('a');
  release();
  expect(semaphore.tryAcquire('a')).toBeUndefined();
  releaseLater();
  expect(semaphore.size).toBe(0);
});
