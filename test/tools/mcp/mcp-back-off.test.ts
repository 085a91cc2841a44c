import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { RunError } from '../../../src/contracts/errors.ts';
import { ConnectionBackOff } from '../../../src/tools/mcp/back-off.ts';
import type { McpServer } from '../../../src/tools/mcp/server.ts';

const server = { id: 'shop', revision: '1' } as McpServer;
const error: RunError = { code: 'unauthorized', message: 'no', retryable: false };

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('the delay doubles with each failure, up to a minute, and ends by itself', () => {
  const backOff = new ConnectionBackOff();
  expect(backOff.errorDuringDelay(server)).toBeUndefined();
  const delays = Array.from({ length: 8 }, () => {
    backOff.recordFailure(server, error);
    return backOff.errorDuringDelay(server)?.retry_after_ms;
  });
  expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000]);
  expect(backOff.errorDuringDelay(server)).toMatchObject({ ...error, retryable: true });
  vi.advanceTimersByTime(60_000);
  expect(backOff.errorDuringDelay(server)).toBeUndefined();
});

test('a success and a changed configuration end the delay', () => {
  const backOff = new ConnectionBackOff();
  backOff.recordFailure(server, error);
  expect(backOff.errorDuringDelay({ ...server, revision: '2' })).toBeUndefined();
  backOff.recordSuccess(server);
  expect(backOff.errorDuringDelay(server)).toBeUndefined();
  backOff.recordFailure(server, error);
  expect(backOff.errorDuringDelay(server)).toMatchObject({ retry_after_ms: 1_000 });
});
