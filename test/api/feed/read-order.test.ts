import { expect, test } from 'vitest';
import { ReadOrder } from '../../../src/api/feed/read-order.ts';

const cursorsOf = (count: number, steps: number, name: string) =>
  Array.from({ length: count }, (_, index) => ({ id: `${name}${index}`, cursor: 0, steps }));

test('a read has all new steps of runs under way, and a bounded number of old steps', () => {
  const order = new ReadOrder();
  const { due, later } = order.divide([...cursorsOf(50, 200, 'old'), ...cursorsOf(300, 1, 'new')]);
  expect(due.filter(({ id }) => id.startsWith('new'))).toHaveLength(300);
  expect(due.filter(({ id }) => id.startsWith('old'))).toHaveLength(10);
  expect(later.size).toBe(40);
});

test('what one read left comes first in the next, before others that came meanwhile', () => {
  const order = new ReadOrder();
  const olds = cursorsOf(12, 200, 'old');
  const first = order.divide(olds);
  expect([...first.later]).toEqual(['old10', 'old11']);
  const next = order.divide([...cursorsOf(20, 200, 'more'), ...olds.slice(10)]);
  expect(next.due.slice(0, 2).map(({ id }) => id)).toEqual(['old10', 'old11']);
});

test('one cursor is read however many steps it lacks', () => {
  const { due, later } = new ReadOrder().divide(cursorsOf(1, 5_000, 'long'));
  expect(due).toHaveLength(1);
  expect(later.size).toBe(0);
});
