import { expect, test, vi } from 'vitest';
import { FairQueue } from '../../src/concurrency/fair-queue.ts';

/** A queue whose work takes what it says, by a clock of its own. */
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

test('keys take turns, however many of one wait', async () => {
  const { order, work } = queueOf();
  await Promise.all([...Array(4).fill('a'), 'b', 'c', 'b'].map((key) => work(key, 0)));
  expect(order.join('')).toBe('abcabaa');
});

test('a key beyond its budget waits until time has paid for it, others do not', async () => {
  vi.useFakeTimers({ now: 1_000_000 });
  try {
    const { order, work } = queueOf({ budget: { burst_ms: 100, share: 0.5 } });
    const begun: Record<string, number[]> = { a: [], b: [] };
    const timed = (key: string, ms: number) =>
      work(key, ms).then(() => begun[key]?.push(Date.now() - ms - 1_000_000));
    const all = Promise.all([timed('a', 300), timed('a', 10), timed('b', 10), timed('b', 10)]);
    await vi.advanceTimersByTimeAsync(10_000);
    await all;
    expect(order.join('')).toBe('abba');
    // 300 ms used and 100 of them free: the rest is repaid after 400 ms, at half of each
    expect(begun).toEqual({ a: [0, 700], b: [300, 310] });
  } finally {
    vi.useRealTimers();
  }
});

test('whoever leaves the queue is not begun', async () => {
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
