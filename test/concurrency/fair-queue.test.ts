import { expect, test, vi } from 'vitest';
import { FairQueue } from '../../src/concurrency/fair-queue.ts';

/** Returns a queue with a simulated clock, whose work takes the given time. */
function queueOf(options: Partial<ConstructorParameters<typeof FairQueue>[0]> = {}) {
  const queue = new FairQueue({ places: 1, now: () => Date.now(), ...options });
  const order: string[] = [];
  const work = (key: string, ms: number, signal?: AbortSignal) =>
    queue.run(key, signal, async () => {
      order.push(key);
      await new Promise((resolve) => setTimeout(resolve, ms));
    });
  return { queue, order, work };
}

test('keys take turns, however many calls of one key wait', async () => {
  // the clock stands still, so that no key is charged
  const { order, work } = queueOf({ now: () => 0 });
  await Promise.all([...Array(4).fill('a'), 'b', 'c', 'b'].map((key) => work(key, 0)));
  expect(order.join('')).toBe('abcabaa');
});

test('a key whose calls take ten times as long gets a tenth of the turns', async () => {
  vi.useFakeTimers({ now: 1_000_000 });
  try {
    const { order, work } = queueOf();
    const all = Promise.all([
      ...Array.from({ length: 10 }, () => work('slow', 100)),
      ...Array.from({ length: 30 }, () => work('fast', 10)),
    ]);
    await vi.advanceTimersByTimeAsync(10_000);
    await all;
    expect(order.slice(0, 22).filter((key) => key === 'slow')).toHaveLength(2);
  } finally {
    vi.useRealTimers();
  }
});

test('a key over its budget waits until time has paid its debt; other keys do not wait', async () => {
  vi.useFakeTimers({ now: 1_000_000 });
  try {
    const { order, work } = queueOf({ budget: { burst_ms: 100, share: 0.5 } });
    const startedAt: Record<string, number[]> = { a: [], b: [] };
    const timed = (key: string, ms: number) =>
      work(key, ms).then(() => startedAt[key]?.push(Date.now() - ms - 1_000_000));
    const all = Promise.all([timed('a', 300), timed('a', 10), timed('b', 10), timed('b', 10)]);
    await vi.advanceTimersByTimeAsync(10_000);
    await all;
    expect(order.join('')).toBe('abba');
    // 300 ms used minus 100 ms of burst: the rest is repaid after 400 ms, at half of each
    expect(startedAt).toEqual({ a: [0, 700], b: [300, 310] });
  } finally {
    vi.useRealTimers();
  }
});

test('a caller that leaves the queue is not started', async () => {
  const { order, work, queue } = queueOf();
  const leave = new AbortController();
  const first = work('a', 5);
  const second = work('a', 0, leave.signal);
  expect(queue.waitingOf('a')).toBe(1);
  leave.abort(new Error('left'));
  await expect(second).rejects.toThrow('left');
  await first;
  await work('b', 0);
  expect(order.join('')).toBe('ab');
});

/**
 * Returns a function that acquires in the background, and the admitted requests by key, in order.
 */
function clientsOf(queue: FairQueue) {
  const admitted: string[] = [];
  const releases: (() => void)[] = [];
  const ask = (key: string, signal?: AbortSignal) =>
    queue.acquire(key, signal).then((release) => {
      admitted.push(key);
      releases.push(release);
    });
  return { admitted, releases, ask };
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

test('a key never exceeds its share, even while no other key waits', async () => {
  const queue = new FairQueue({ places: 10, max_per_key: 5, now: () => 0 });
  const { admitted, releases, ask } = clientsOf(queue);
  for (let i = 0; i < 20; i += 1) void ask('blue');
  await nextTurn();
  expect(admitted).toHaveLength(5);
  void ask('acme');
  await nextTurn();
  expect(admitted.at(-1)).toBe('acme');
  releases[0]?.();
  releases[0]?.(); // a second call has no effect
  await nextTurn();
  expect(admitted.filter((key) => key === 'blue')).toHaveLength(6);
  expect([queue.taken, queue.waiting]).toEqual([6, 14]);
});

test('places go to keys in turn, and within a key in call order', async () => {
  const queue = new FairQueue({ places: 1, max_per_key: 1, now: () => 0 });
  const { admitted, releases, ask } = clientsOf(queue);
  for (const key of ['blue', 'blue', 'blue', 'blue', 'acme', 'acme', 'corp']) void ask(key);
  for (let turn = 0; turn < 7; turn += 1) {
    await nextTurn();
    releases[turn]?.();
  }
  expect(admitted).toEqual(['blue', 'acme', 'corp', 'blue', 'acme', 'blue', 'blue']);
  expect([queue.taken, queue.waiting]).toEqual([0, 0]);
});

test('a caller that leaves the queue frees its place, and the next one is admitted', async () => {
  const queue = new FairQueue({ places: 1, max_per_key: 1, now: () => 0 });
  const { admitted, releases, ask } = clientsOf(queue);
  await ask('acme');
  const abort = new AbortController();
  const left = ask('blue', abort.signal);
  void ask('corp');
  abort.abort(new Error('cancelled'));
  await expect(left).rejects.toThrow('cancelled');
  await expect(queue.acquire('blue', abort.signal)).rejects.toThrow('cancelled');
  releases[0]?.();
  await nextTurn();
  expect(admitted).toEqual(['acme', 'corp']);
  releases[1]?.();
  expect([queue.taken, queue.waiting]).toEqual([0, 0]);
});

test('a lone key takes all unreserved places, and half of them while other keys wait', async () => {
  const queue = new FairQueue({
    places: 7,
    max_while_others_wait: 3,
    reserved_for_new_keys: 1,
    now: () => 0,
  });
  const { admitted, releases, ask } = clientsOf(queue);
  const of = (key: string) => admitted.filter((one) => one === key).length;
  for (let i = 0; i < 20; i += 1) void ask('blue');
  await nextTurn();
  expect(of('blue')).toBe(6);
  for (let i = 0; i < 20; i += 1) void ask('acme');
  await nextTurn();
  expect([of('blue'), of('acme')]).toEqual([6, 1]);
  for (const release of releases.slice(0, 6)) release(); // all slots of blue
  await nextTurn();
  expect([of('blue') - 6, of('acme')]).toEqual([3, 3]); // one slot is reserved for a third key
  void ask('corp');
  await nextTurn();
  expect(of('corp')).toBe(1);
});

test('a caller that leaves as its turn arrives returns the place', async () => {
  const queue = new FairQueue({ places: 1 });
  const release = await queue.acquire('acme');
  const abort = new AbortController();
  const left = queue.acquire('blue', abort.signal);
  release();
  abort.abort(new Error('cancelled'));
  await expect(left).rejects.toThrow('cancelled');
  expect([queue.taken, queue.waiting]).toEqual([0, 0]);
});

test('a user has at most its places, and other users of the key have the rest', async () => {
  const queue = new FairQueue({ places: 4, max_per_user: 2 });
  const admitted: string[] = [];
  const releases = new Map<string, () => void>();
  const ask = (user: string, name: string) =>
    queue.acquire('key', undefined, user).then((release) => {
      admitted.push(name);
      releases.set(name, release);
    });
  for (const name of ['a1', 'a2', 'a3']) void ask('a', name);
  for (const name of ['b1', 'c1']) void ask(name.charAt(0), name);
  await new Promise(setImmediate);
  expect(admitted).toEqual(['a1', 'a2', 'b1', 'c1']);
  releases.get('b1')?.();
  await new Promise(setImmediate);
  expect(queue.waitingOf('key')).toBe(1); // a place is free, but a has two
  releases.get('a1')?.();
  await new Promise(setImmediate);
  expect(admitted.at(-1)).toBe('a3');
});
