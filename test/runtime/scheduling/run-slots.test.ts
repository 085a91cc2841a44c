import { expect, test } from 'vitest';
import { RunSlots } from '../../../src/runtime/scheduling/run-slots.ts';

test('are not short while those who wait may get the reserved ones', async () => {
  const slots = new RunSlots(2);
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
  const slots = new RunSlots(1);
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

test('slots let in by priority, and who is turned away holds none', async () => {
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
  expect(slots.areFree).toBe(true);
});

test('a reservation takes what is free, up to its limit', async () => {
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
  expect(slots.areFree).toBe(true);
});
