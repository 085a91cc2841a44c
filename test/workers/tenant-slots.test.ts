import { expect, test } from 'vitest';
import { TenantSlots } from '../../workers/tenant-slots.ts';

test('a tenant whose work does not end has its part, and others go on', () => {
  const slots = new TenantSlots(3, 1);
  expect(['a', 'a', 'b', 'a', 'c', 'd'].map((tenant) => slots.enter(tenant))).toEqual([
    ...[true, false, true, false, true, false],
  ]);
  slots.leave('b');
  expect(slots.enter('a')).toBe(false);
  expect(slots.enter('d')).toBe(true);
  slots.leave('a');
  expect(slots.enter('a')).toBe(true);
});

test('who is slow gives way to those that waited when he left, once each', () => {
  let now = 0;
  const slots = new TenantSlots(1, 1, () => now++);
  const come = (who: string) => slots.enter('a', who);
  expect(come('slow')).toBe(true);
  expect([come('one'), come('two')]).toEqual([false, false]);
  slots.leave('a', 'slow');
  expect([come('slow'), come('two'), come('one')]).toEqual([false, true, false]);
  slots.leave('a', 'two');
  expect([come('slow'), come('one')]).toEqual([false, true]);
  slots.leave('a', 'one');
  expect(come('slow')).toBe(true);
});

test('he does not wait for who does not come any more, nor for a tenant that has its part', () => {
  let now = 0;
  const slots = new TenantSlots(2, 1, () => now);
  expect([slots.enter('a', 'slow'), slots.enter('b', 'other')]).toEqual([true, true]);
  expect([slots.enter('b', 'waits'), slots.enter('a', 'goes')]).toEqual([false, false]);
  slots.leave('a', 'slow');
  expect(slots.enter('a', 'slow')).toBe(false);
  now = 5_001;
  expect(slots.enter('b', 'waits')).toBe(false);
  expect(slots.enter('a', 'slow')).toBe(true);
});
