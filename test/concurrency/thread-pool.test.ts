import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, describe, expect, test } from 'vitest';
import {
  moduleBeside,
  ThreadPool,
  type ThreadPoolOptions,
} from '../../src/concurrency/thread-pool.ts';
import type * as functions from './thread-functions.ts';

const module = moduleBeside('./thread-functions.ts', import.meta.url);
const pools: ThreadPool[] = [];

function poolOf(options: ThreadPoolOptions = { size: 1 }) {
  const pool = new ThreadPool(options);
  pools.push(pool);
  const call = (
    name: keyof typeof functions,
    args: unknown[] = [],
    { key = 'a', deadline_ms = 10_000, signal }: Partial<Parameters<ThreadPool['run']>[2]> = {},
  ) => pool.run({ module, name }, args, { key, deadline_ms, signal });
  return { pool, call };
}

afterEach(async () => {
  const idle = pools.splice(0).flatMap((pool) => [...pool.idle]);
  await Promise.all(idle.map((worker) => worker.terminate()));
});

test('returns the function’s result and reuses the thread', async () => {
  const { pool, call } = poolOf();
  expect(await call('echo', [{ a: [1, 'x', null] }])).toEqual({ a: [1, 'x', null] });
  expect(await call('count')).toBe(1);
  expect(await call('count')).toBe(2);
  expect(pool.idle.size).toBe(1);
});

test('an idle thread keeps no process alive', async () => {
  const program = fileURLToPath(new URL('../fixtures/idle-thread.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [program]);
  const { idle, resources } = JSON.parse(stdout);
  expect(idle).toBe(1);
  expect(resources).not.toContain('MessagePort');
});

test('rethrows the message and the code of the function’s error', async () => {
  const { call } = poolOf();
  await expect(call('refuse')).rejects.toMatchObject({ message: 'not this one', code: 'HWINV' });
  await expect(call('uncopyable')).rejects.toThrow('could not be cloned');
  expect(await call('echo', [1])).toBe(1);
});

describe('a function that overruns', () => {
  test('is interrupted, and its thread keeps what it has loaded', async () => {
    const { call } = poolOf();
    await call('count');
    await expect(call('loop', [], { deadline_ms: 20 })).rejects.toMatchObject({ code: 'deadline' });
    expect(await call('count')).toBe(2);
  });

  test('is ended together with its thread where it cannot be interrupted', async () => {
    const { pool, call } = poolOf();
    await expect(call('wait', [], { deadline_ms: 20 })).rejects.toMatchObject({
      code: 'deadline',
    });
    expect(pool.idle.size).toBe(0);
    expect(await call('count')).toBe(1);
  });

  test('is ended when it exceeds its memory limit, without affecting other calls', async () => {
    const { call } = poolOf({ size: 1, heap_mb: 32 });
    await expect(call('fill')).rejects.toMatchObject({ code: 'memory' });
    expect(await call('count')).toBe(1);
  });

  test('does not block the event loop', async () => {
    const { call } = poolOf();
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    await call('work', [200]);
    clearInterval(timer);
    expect(turns).toBeGreaterThan(5);
  });
});

test('a call whose signal fires rejects with its reason, whether running or queued', async () => {
  const { pool, call } = poolOf();
  const [working, waiting] = [new AbortController(), new AbortController()];
  const ends = Promise.allSettled([
    call('loop', [], { signal: working.signal }),
    call('loop', [], { signal: waiting.signal }),
  ]);
  waiting.abort(new Error('left'));
  working.abort(new Error('cancelled'));
  expect(await ends).toMatchObject([
    { reason: { message: 'cancelled' } },
    { reason: { message: 'left' } },
  ]);
  expect(pool.idle.size).toBe(0);
});

test('limits the number of threads and of waiting calls per key', async () => {
  const { pool, call } = poolOf({ size: 2, max_waiting: 4 });
  const calls = await Promise.allSettled([
    ...Array.from({ length: 9 }, (_, i) => call('echo', [i])),
    call('echo', ['b'], { key: 'b' }),
  ]);
  expect(calls.map(({ status }) => status)).toEqual([
    ...Array(6).fill('fulfilled'),
    ...Array(3).fill('rejected'),
    'fulfilled',
  ]);
  expect(calls[6]).toMatchObject({ reason: { code: 'busy' } });
  expect(pool.idle.size).toBe(2);
});
