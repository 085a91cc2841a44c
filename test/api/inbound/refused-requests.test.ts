import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createRefusedRequestCounter } from '../../../src/api/inbound/refused-requests.ts';
import type { RefusedRequests } from '../../../src/db/operations/inbound-hooks.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const refused = { hook_id: 'hook', code: 'late', message: 'late', hint: 'none' };

/** Returns a database that answers a write only when the test allows it. */
function slowDatabase() {
  const writes: { rows: readonly RefusedRequests[]; end: () => void }[] = [];
  const write = (rows: readonly RefusedRequests[]) =>
    new Promise<void>((end) => void writes.push({ rows, end }));
  return { writes, write };
}

test('while a write runs, requests are counted for the next one, however long it takes', async () => {
  const { writes, write } = slowDatabase();
  const counter = createRefusedRequestCounter(write, () => {});
  for (let second = 0; second < 5; second += 1) {
    counter.count(refused);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(writes.map(({ rows }) => rows)).toEqual([[{ ...refused, requests: 1 }]]);
  writes[0]?.end();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(writes[1]?.rows).toEqual([{ ...refused, requests: 4 }]);
});

test('close waits for the write that runs, writes the rest, and counts nothing more', async () => {
  const { writes, write } = slowDatabase();
  const counter = createRefusedRequestCounter(write, () => {});
  counter.count(refused);
  await vi.advanceTimersByTimeAsync(1_000);
  counter.count(refused);
  const closed = counter.close();
  writes[0]?.end();
  await vi.advanceTimersByTimeAsync(0);
  expect(writes).toHaveLength(2);
  counter.count(refused);
  writes[1]?.end();
  await closed;
  await vi.advanceTimersByTimeAsync(5_000);
  expect(writes).toHaveLength(2);
});
