import { afterEach, expect, test, vi } from 'vitest';
import { offload, withOffload } from '../../src/concurrency/offload.ts';
import { moduleBeside, ThreadPool } from '../../src/concurrency/thread-pool.ts';
import * as functions from './thread-functions.ts';

const module = moduleBeside('./thread-functions.ts', import.meta.url);
const pools: ThreadPool[] = [];

function processPool(options: { max_calls?: number; memory_mb?: number } = {}) {
  const pool = new ThreadPool({ size: 1, heap_mb: 64, runs_in: 'process', ...options });
  pools.push(pool);
  const call = (name: keyof typeof functions, args: unknown[] = [], deadline_ms = 30_000) =>
    pool.run({ module, name }, args, { key: 'a', deadline_ms });
  return { pool, call };
}

afterEach(async () => {
  const idle = pools.splice(0).flatMap((pool) => [...pool.idle]);
  await Promise.all(idle.map((worker) => worker.terminate()));
});

test('a pool of processes returns results and errors, and reuses its process', async () => {
  const { pool, call } = processPool();
  expect(await call('echo', [{ a: [1, 'x', null] }])).toEqual({ a: [1, 'x', null] });
  expect(await call('count')).toBe(1);
  expect(await call('count')).toBe(2);
  await expect(call('refuse')).rejects.toMatchObject({ message: 'not this one', code: 'HWINV' });
  expect(pool.idle.size).toBe(1);
});

test('a process has no environment variables of this one', async () => {
  const { call } = processPool();
  expect(process.env.PATH).toBeDefined();
  expect(await call('environment')).not.toContain('PATH');
});

test('a function that ends its process is reported, and the next call has a new one', async () => {
  const { call } = processPool();
  await expect(call('askForInvalidSize')).rejects.toMatchObject({ code: 'memory' });
  await expect(call('fill')).rejects.toMatchObject({ code: 'memory' });
  expect(await call('count')).toBe(1);
});

test('a function that overruns is interrupted, or ended with its process', async () => {
  const { call } = processPool();
  await call('count');
  await expect(call('loop', [], 20)).rejects.toMatchObject({ code: 'deadline' });
  expect(await call('count')).toBe(2);
  await expect(call('wait', [], 20)).rejects.toMatchObject({ code: 'deadline' });
  expect(await call('count')).toBe(1);
});

test('a call runs once more if earlier calls of its process have left too much memory', async () => {
  const { call } = processPool({ memory_mb: 500 });
  expect(await call('need', [250])).toBe(1);
  await call('keep', [250]);
  expect(await call('need', [250])).toBe(1);
  expect(await call('count')).toBe(1);
  await expect(call('need', [600])).rejects.toMatchObject({ code: 'memory' });
});

test('what an asynchronous function does later has the same limit', async () => {
  const { call } = processPool();
  await call('count');
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
  try {
    const set = vi.spyOn(globalThis, 'setInterval');
    const stopped = expect(call('wait', [], 60_000)).rejects.toMatchObject({ code: 'deadline' });
    await vi.waitUntil(() => set.mock.calls.length === 2, { timeout: 30_000 });
    vi.advanceTimersByTime(61_000);
    await stopped;
  } finally {
    vi.restoreAllMocks(); // first, or it would put the fake timer back
    vi.useRealTimers();
  }
});

test('a process is replaced after its last call', async () => {
  const { pool, call } = processPool({ max_calls: 2 });
  expect([await call('count'), await call('count'), await call('count')]).toEqual([1, 2, 1]);
  expect(pool.idle.size).toBe(1);
});

test('a function that runs in a process is never called on this thread', async () => {
  const call = {
    ...{ module, name: 'count', deadline_ms: 30_000, callHere: functions.count },
    runsIn: 'process' as const,
  };
  expect(() => offload(call)).toThrow('withOffload');
  const before = functions.count();
  await withOffload('a tenant', undefined, () => offload(call));
  expect(functions.count()).toBe(before + 1);
});
