import { expect, test } from 'vitest';
import { TenantSemaphore } from '../../workers/tenant-semaphore.ts';

test('a tenant whose work does not end has its part, and others go on', () => {
  const slots = new TenantSemaphore(3, 1);
  expect(['a', 'a', 'b', 'a', 'c', 'd'].map((tenant) => slots.enter(tenant))).toEqual([
    ...[true, false, true, false, true, false],
  ]);
  slots.leave('b');
  expect(slots.enter('a')).toBe(false);
  expect(slots.enter('d')).toBe(true);
  slots.leave('a');
  expect(slots.enter('a')).toBe(true);
});
