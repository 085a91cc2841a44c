import { describe, expect, test } from 'vitest';
import {
  isSuspension,
  type Offloadable,
  offload,
  withOffload,
} from '../../src/concurrency/offload.ts';
import { moduleBeside } from '../../src/concurrency/thread-pool.ts';
import * as functions from './thread-functions.ts';

const module = moduleBeside('./thread-functions.ts', import.meta.url);
const offloadable = <A extends unknown[], R>(
  name: string,
  callHere: (...args: A) => R,
  deadline_ms = 5_000,
): Offloadable<A, R> => ({ module, name, deadline_ms, callHere });

const ECHO = offloadable('echo', functions.echo<unknown>);
const WORK = offloadable('work', functions.work);
const LOOP = offloadable('loop', functions.loop, 30);
const REFUSE = offloadable('refuse', functions.refuse);

describe('a potentially slow function', () => {
  test('runs on the calling thread when it returns quickly', async () => {
    // on a busy machine the first attempt may time out; the function then runs in a thread, with
    // the same result
    const runs: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      runs[n] = 0;
      const value = await withOffload('quick', undefined, () => {
        runs[n] = (runs[n] ?? 0) + 1;
        return [offload(ECHO, n), offload(ECHO, n + 100)];
      });
      expect(value).toEqual([n, n + 100]);
    }
    expect(Math.min(...runs)).toBe(1);
  });

  test('moves to a thread when it is slow, and the calling code reruns with its result', async () => {
    let runs = 0;
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    const value = await withOffload('slow', undefined, () => {
      runs += 1;
      offload(WORK, 60);
      offload(WORK, 61);
      return 'done';
    });
    clearInterval(timer);
    expect(value).toBe('done');
    expect(runs).toBe(3);
    expect(turns).toBeGreaterThan(5);
  });

  test('rethrows its own error and a deadline error', async () => {
    const catchError = (call: () => unknown) => () => {
      try {
        return call();
      } catch (error) {
        if (isSuspension(error)) throw error;
        return (error as { code: string }).code;
      }
    };
    const late = catchError(() => offload(LOOP));
    expect(await withOffload('late', undefined, late)).toBe('deadline');
    expect(await withOffload('late', undefined, late)).toBe('deadline'); // cached
    const refused = catchError(() => offload(REFUSE));
    expect(await withOffload('refused', undefined, refused)).toBe('HWINV');
  });

  test('is abandoned when the signal fires', async () => {
    const signal = AbortSignal.abort(new Error('cancelled'));
    const work = () => offload(WORK, 40);
    await expect(withOffload('gone', signal, work)).rejects.toThrow('cancelled');
  });

  test('creates no promise when nothing is pending', () => {
    expect(withOffload('plain', undefined, () => 'done')).toBe('done');
  });

  test('runs on the calling thread outside withOffload', () => {
    expect(offload(ECHO, 'x')).toBe('x');
    expect(() => offload(LOOP)).toThrow('timed out');
  });
});
