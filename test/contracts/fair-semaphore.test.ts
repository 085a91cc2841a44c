import { expect, test } from 'vitest';
import { createFairSemaphore, type ReleasePlace } from '../../src/contracts/fair-semaphore.ts';

/** Acquires in the background and keeps, by key, what was admitted and in which order. */
function clientsOf(semaphore: ReturnType<typeof createFairSemaphore>) {
  const admitted: string[] = [];
  const releases: ReleasePlace[] = [];
  const ask = (key: string, signal?: AbortSignal) =>
    semaphore.acquire(key, signal).then((release) => {
      admitted.push(key);
      releases.push(release);
    });
  return { admitted, releases, ask };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

test('a key holds no more than its share, also while nobody else waits', async () => {
  const semaphore = createFairSemaphore({ places: 10, share: 5 });
  const { admitted, releases, ask } = clientsOf(semaphore);
  for (let i = 0; i < 20; i += 1) void ask('blue');
  await settled();
  expect(admitted).toHaveLength(5);
  void ask('acme');
  await settled();
  expect(admitted.at(-1)).toBe('acme');
  releases[0]?.();
  releases[0]?.(); // a second call gives nothing back
  await settled();
  expect(admitted.filter((key) => key === 'blue')).toHaveLength(6);
  expect([semaphore.taken, semaphore.waiting]).toEqual([6, 14]);
});

test('places go to the keys in turns, and within a key in the order of the calls', async () => {
  const semaphore = createFairSemaphore({ places: 1, share: 1 });
  const { admitted, releases, ask } = clientsOf(semaphore);
  for (const key of ['blue', 'blue', 'blue', 'blue', 'acme', 'acme', 'corp']) void ask(key);
  for (let turn = 0; turn < 7; turn += 1) {
    await settled();
    releases[turn]?.();
  }
  expect(admitted).toEqual(['blue', 'acme', 'corp', 'blue', 'acme', 'blue', 'blue']);
  expect([semaphore.taken, semaphore.waiting]).toEqual([0, 0]);
});

test('who stops waiting leaves no place taken, and the next one is admitted', async () => {
  const semaphore = createFairSemaphore({ places: 1, share: 1 });
  const { admitted, releases, ask } = clientsOf(semaphore);
  await ask('acme');
  const abort = new AbortController();
  const left = ask('blue', abort.signal);
  void ask('corp');
  abort.abort(new Error('cancelled'));
  await expect(left).rejects.toThrow('cancelled');
  await expect(semaphore.acquire('blue', abort.signal)).rejects.toThrow('cancelled');
  releases[0]?.();
  await settled();
  expect(admitted).toEqual(['acme', 'corp']);
  releases[1]?.();
  expect([semaphore.taken, semaphore.waiting]).toEqual([0, 0]);
});
