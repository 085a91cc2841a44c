import { expect, test } from 'vitest';
import { PrioritySemaphore } from '../../../src/runtime/scheduling/priority-semaphore.ts';

test('are not short while those who wait may get the reserved ones', async () => {
  const slots = new PrioritySemaphore(2);
  const reserved = slots.reserve(256);
  const entered = [slots.acquire(0), slots.acquire(0)];
  expect(slots.areShort).toBe(false);
  const third = slots.acquire(0);
  expect(slots.areShort).toBe(true);
  slots.settle(reserved, 0);
  expect(await Promise.all(entered)).toEqual([true, true]);
  expect(slots.areShort).toBe(true); // the third still waits, and nothing is reserved
  slots.release();
  expect(await third).toBe(true);
  expect(slots.areShort).toBe(false);
});

test('are short when all reserved ones are used and somebody waits', async () => {
  const slots = new PrioritySemaphore(1);
  const reserved = slots.reserve(256);
  const waiting = slots.acquire(0);
  expect(slots.areShort).toBe(false);
  slots.settle(reserved, 1);
  expect(slots.areShort).toBe(true);
  slots.release();
  expect(await waiting).toBe(true);
  slots.release();
  expect(slots.areFree).toBe(true);
});
