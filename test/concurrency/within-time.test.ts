import vm from 'node:vm';
import { expect, test, vi } from 'vitest';
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

test('each further attempt may take longer, for a machine that is busier than the first limit', () => {
  const run = vi.spyOn(vm.Script.prototype, 'runInContext');
  try {
    let calls = 0;
    const result = withinTime(
      100,
      () => {
        calls += 1;
        return calls < 3 ? sleep() : 'done';
      },
      2,
    );
    const limits = run.mock.calls.map(([, options]) => (options as { timeout: number }).timeout);
    expect({ result, limits }).toEqual({ result: 'done', limits: [100, 200, 400] });
  } finally {
    run.mockRestore();
  }
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

test('a function that has ended is not late, even if Node notices the time afterwards', () => {
  const { runInContext } = vm.Script.prototype;
  const late = vi.spyOn(vm.Script.prototype, 'runInContext').mockImplementation(function (
    this: vm.Script,
    ...args
  ) {
    runInContext.apply(this, args);
    throw Object.assign(new Error('timed out'), { code: OUT_OF_TIME });
  });
  try {
    const noLimit = 60_000; // the limit itself is never reached, however busy the machine is
    let calls = 0;
    const done = () => {
      calls += 1;
      return 'done';
    };
    expect([withinTime(noLimit, done), calls]).toEqual(['done', 1]);
    const broken = () => {
      throw new Error('its own error');
    };
    expect(() => withinTime(noLimit, broken)).toThrow('its own error');
  } finally {
    late.mockRestore();
  }
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
