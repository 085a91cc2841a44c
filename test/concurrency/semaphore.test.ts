import { expect, test } from 'vitest';
import { Semaphore } from '../../src/concurrency/semaphore.ts';

/** Makes several callers wait, and records the order in which they enter. */
function enterInTurn(semaphore: Semaphore, callers: Record<string, number>) {
  const entered: string[] = [];
  const all = Object.entries(callers).map(([name, priority]) =>
    semaphore.run({ priority }, async () => void entered.push(name)),
  );
  return { entered, all: Promise.all(all) };
}

test('as many callers as permits enter, and the others wait', async () => {
  const semaphore = new Semaphore(2);
  expect(semaphore.isIdle).toBe(true);
  const [first] = await Promise.all([semaphore.acquire(), semaphore.acquire()]);
  expect(semaphore.free).toBe(0);
  expect(semaphore.tryAcquire()).toBeUndefined();
  const third = semaphore.acquire();
  expect(semaphore.waiting).toBe(1);
  first();
  await third;
  expect({ free: semaphore.free, waiting: semaphore.waiting }).toEqual({ free: 0, waiting: 0 });
});

test('callers of one priority enter in order of arrival', async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const { entered, all } = enterInTurn(semaphore, { a: 0, b: 0, c: 0, d: 0 });
  release();
  await all;
  expect(entered).toEqual(['a', 'b', 'c', 'd']);
});

test('a smaller priority enters first', async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const callers = { five: 5, one: 1, other_five: 5, other_one: 1, none: 0, below: -1 };
  const { entered, all } = enterInTurn(semaphore, callers);
  release();
  await all;
  expect(entered).toEqual(['below', 'none', 'one', 'other_one', 'five', 'other_five']);
});

test('a new caller does not take a permit already granted to a waiting caller', async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const waiting = semaphore.acquire();
  release();
  expect(semaphore.tryAcquire()).toBeUndefined();
  const newcomer = semaphore.acquire({ priority: -1 });
  (await waiting)();
  (await newcomer)();
  expect(semaphore.isIdle).toBe(true);
});

test('a second release of a permit has no effect', async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const waiting = [semaphore.acquire(), semaphore.acquire()] as const;
  release();
  release();
  const releaseSecond = await waiting[0];
  expect(semaphore.waiting).toBe(1);
  releaseSecond();
  (await waiting[1])();
  release();
  expect(semaphore.free).toBe(1);
});

test('a caller leaves the queue when its signal fires', async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const abort = new AbortController();
  const leaving = semaphore.acquire({ signal: abort.signal });
  const staying = semaphore.acquire();
  const reason = new Error('the client is gone');
  abort.abort(reason);
  await expect(leaving).rejects.toBe(reason);
  expect(semaphore.waiting).toBe(1);
  release();
  (await staying)();
  expect(semaphore.isIdle).toBe(true);
});

test('a signal that has already fired takes no permit', async () => {
  const semaphore = new Semaphore(1);
  await expect(semaphore.acquire({ signal: AbortSignal.abort('gone') })).rejects.toBe('gone');
  let ran = false;
  const running = semaphore.run({ signal: AbortSignal.abort('gone') }, async () => {
    ran = true;
  });
  await expect(running).rejects.toBe('gone');
  expect({ ran, isIdle: semaphore.isIdle }).toEqual({ ran: false, isIdle: true });
});

test('a caller whose signal fires after the grant keeps the permit', async () => {
  const semaphore = new Semaphore(1);
  const release = await semaphore.acquire();
  const abort = new AbortController();
  const woken = semaphore.acquire({ signal: abort.signal });
  const next = semaphore.acquire();
  release();
  abort.abort(); // granted, but not yet continued
  const releaseWoken = await woken;
  expect(semaphore.waiting).toBe(1);
  releaseWoken();
  (await next)();
  expect(semaphore.isIdle).toBe(true);
});

test('one signal may abort the work of one caller and the wait of the next', async () => {
  const semaphore = new Semaphore(1);
  const abort = new AbortController();
  const release = await semaphore.acquire();
  abort.signal.addEventListener('abort', release); // before the listeners of the waiting callers
  const [woken, left] = [1, 2].map(() => semaphore.acquire({ signal: abort.signal }));
  abort.abort('gone');
  await expect(left).rejects.toBe('gone');
  (await woken)?.();
  expect(semaphore.isIdle).toBe(true);
});

test('failed work releases its permit', async () => {
  const semaphore = new Semaphore(1);
  const fail = async () => {
    throw new Error('failed');
  };
  await expect(semaphore.run({}, fail)).rejects.toThrow('failed');
  await expect(
    semaphore.run({}, () => {
      throw new Error('failed at once');
    }),
  ).rejects.toThrow('failed at once');
  expect(await semaphore.run({}, async () => 'done')).toBe('done');
  expect(semaphore.isIdle).toBe(true);
});

test('no permit is lost or duplicated, however callers arrive, leave and abort', async () => {
  const [permits, callers] = [3, 500];
  const semaphore = new Semaphore(permits);
  let seed = 7;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((seed / 2 ** 31) * below);
  };
  const pause = async (turns: number): Promise<void> => {
    for (let left = turns; left > 0; left -= 1) await Promise.resolve();
  };
  let inside = 0;
  let most = 0;
  const outcomes = await Promise.allSettled(
    Array.from({ length: callers }, async (_, caller) => {
      const abort = new AbortController();
      await pause(random(200));
      if (caller % 3 === 0) void pause(random(400)).then(() => abort.abort());
      await semaphore.run({ priority: random(3), signal: abort.signal }, async () => {
        inside += 1;
        most = Math.max(most, inside);
        await pause(random(4));
        inside -= 1;
      });
    }),
  );
  const aborted = outcomes.filter(({ status }) => status === 'rejected').length;
  expect(aborted).toBeGreaterThan(0);
  expect(aborted).toBeLessThan(callers / 3);
  expect({ most, inside }).toEqual({ most: permits, inside: 0 });
  expect({ free: semaphore.free, waiting: semaphore.waiting }).toEqual({ free: 3, waiting: 0 });
});
