import { expect, test } from 'vitest';
import { isOutOfTime, withinTime } from '../../src/concurrency/within-time.ts';

const sleep = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10_000);

test('a function that got no processor time is called again', () => {
  let calls = 0;
  const result = withinTime(100, () => {
    calls += 1;
    if (calls === 1) sleep();
    return 'done';
  });
  expect([result, calls]).toEqual(['done', 2]);
});

test('a function that never gets processor time fails after 4 attempts', () => {
  let calls = 0;
  const asleep = () => {
    calls += 1;
    return sleep();
  };
  expect(() => withinTime(50, asleep)).toThrow(expect.objectContaining({ code: OUT_OF_TIME }));
  expect(calls).toBe(4);
});

test('a function that computes for too long is interrupted', () => {
  const pattern = /^(a+)+$/;
  const text = `${'a'.repeat(60)}!`;
  let error: unknown;
  try {
    withinTime(100, () => pattern.test(text));
  } catch (caught) {
    error = caught;
  }
  expect(isOutOfTime(error)).toBe(true);
});

test('a function runs on Node 22, which cannot measure a thread', () => {
  const { threadCpuUsage } = process;
  Object.assign(process, { threadCpuUsage: undefined });
  try {
    expect(withinTime(100, () => 'done')).toBe('done');
  } finally {
    Object.assign(process, { threadCpuUsage });
  }
});

const OUT_OF_TIME = 'ERR_SCRIPT_EXECUTION_TIMEOUT';
