import { expect, test } from 'vitest';
import { TenantSemaphore } from '../../workers/tenant-semaphore.ts';

test('a tenant whose work does not end is limited to its share, and others continue', () => {
  const slots = new TenantSemaphore(3, 1);
  const [a, a2, b, a3, c, d] = ['a', 'a', 'b', 'a', 'c', 'd'].map((tenant) =>
    slots.tryAcquire(tenant),
  );
  expect([a, a2, b, a3, c, d].map((release) => release !== undefined)).toEqual([
    ...[true, false, true, false, true, false],
  ]);
  b?.();
  expect(slots.tryAcquire('a')).toBeUndefined();
  expect(slots.tryAcquire('d')).toBeDefined();
  a?.();
  expect(slots.tryAcquire('a')).toBeDefined();
});

test('a tenant that is refused for lack of slots keeps its share', () => {
  const slots = new TenantSemaphore(1, 1);
  const release = slots.tryAcquire('a');
  expect(slots.tryAcquire('b')).toBeUndefined();
  release?.();
  release?.(); // has no effect
  expect(slots.tryAcquire('b')).toBeDefined();
  expect(slots.tryAcquire('c')).toBeUndefined();
});
