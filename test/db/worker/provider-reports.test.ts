import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { repeatReport } from '../../../src/db/worker/provider-reports.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a host reports at least twice a day, also after a report that failed, until it stops', async () => {
  const errors: unknown[] = [];
  const report = vi.fn(async () => {
    if (report.mock.calls.length === 1) throw new Error('no database');
  });
  const stop = repeatReport(report, (error) => errors.push(error));
  await vi.advanceTimersByTimeAsync(12 * 3_600_000);
  expect(report.mock.calls.length).toBeGreaterThan(1);
  expect(errors).toHaveLength(1);
  stop();
  const before = report.mock.calls.length;
  await vi.advanceTimersByTimeAsync(24 * 3_600_000);
  expect(report).toHaveBeenCalledTimes(before);
});
