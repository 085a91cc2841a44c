import { expect, test } from 'vitest';
import { RunSlots } from '../../../src/runtime/scheduling/run-slots.ts';

test('slots are not short while waiters may get reserved ones', async () => {
  const slots = new RunSlots(2);
  const reserved = slots.reserve(256);
  const entered = [slots.acquire(0), slots.acquire(0)];
  expect(slots.hasTooFewSlots).toBe(false);
  const third = slots.acquire(0);
  expect(slots.hasTooFewSlots).toBe(true);
  slots.settle(reserved, 0);
  expect(await Promise.all(entered)).toEqual([true, true]);
  expect(slots.hasTooFewSlots).toBe(true); // the third still waits, and nothing is reserved
  slots.release();
  expect(await third).toBe(true);
  expect(slots.hasTooFewSlots).toBe(false);
});

test('slots are short when every reserved one is used and a caller waits', async () => {
  const slots = new RunSlots(1);
  const reserved = slots.reserve(256);
  const waiting = slots.acquire(0);
  expect(slots.hasTooFewSlots).toBe(false);
  slots.settle(reserved, 1);
  expect(slots.hasTooFewSlots).toBe(true);
  slots.release();
  expect(await waiting).toBe(true);
  slots.release();
  expect(slots.isIdle).toBe(true);
});

test('grants slots by priority, and a rejected waiter holds none', async () => {
  const slots = new RunSlots(1);
  expect(await slots.acquire(0)).toBe(true);
  const entered: number[] = [];
  const waiting = [5, 1].map((priority) =>
    slots.acquire(priority).then((isIn) => isIn && entered.push(priority)),
  );
  expect(slots.waiting).toBe(2);
  slots.release();
  await waiting[1];
  expect(entered).toEqual([1]);
  slots.rejectWaiting();
  expect(await waiting[0]).toBe(false);
  slots.release();
  expect(await slots.acquire(0)).toBe(true);
});

test('a slot granted at the moment of a rejection stays with its caller', async () => {
  const slots = new RunSlots(1);
  await slots.acquire(0);
  const [granted, rejected] = [slots.acquire(0), slots.acquire(0)];
  slots.release();
  slots.rejectWaiting();
  expect(await Promise.all([granted, rejected])).toEqual([true, false]);
  const later = slots.acquire(0); // waits again after a rejection
  slots.release();
  expect(await later).toBe(true);
  slots.release();
  expect(slots.isIdle).toBe(true);
});

test('a reservation takes free slots, up to its limit', async () => {
  const slots = new RunSlots(3);
  await slots.acquire(0);
  expect(slots.reserve(1)).toBe(1);
  expect(slots.reserve(256)).toBe(1);
  expect(slots.reserve(256)).toBe(0);
  expect(slots.hasRoom).toBe(false);
  slots.settle(1, 0);
  slots.settle(1, 1);
  expect(slots.hasRoom).toBe(true);
  slots.release();
  slots.release();
  expect(slots.isIdle).toBe(true);
});
