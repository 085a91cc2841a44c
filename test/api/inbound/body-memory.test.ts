import { expect, test } from 'vitest';
import { BodyMemory } from '../../../src/api/inbound/body-memory.ts';

const MB = 1024 * 1024;

test('a body without room displaces the oldest that is arriving, of its own hook first', () => {
  const memory = new BodyMemory();
  const other = memory.take('other', MB);
  const places = Array.from({ length: 16 }, () => memory.take('hook', MB));
  places[0]?.arrived();
  expect(memory.take('hook', MB)).toBeDefined();
  expect(places.map((one) => one?.signal.aborted)).toEqual([
    false,
    true,
    ...Array.from({ length: 14 }, () => false),
  ]);
  expect(other?.signal.aborted).toBe(false);
});

test('bodies that have arrived are not displaced, and give their room back once', () => {
  const memory = new BodyMemory();
  const places = Array.from({ length: 16 }, () => memory.take('hook', MB));
  for (const one of places) one?.arrived();
  expect(memory.take('hook', 1)).toBeUndefined();
  places[3]?.giveBack();
  places[3]?.giveBack();
  expect(memory.take('hook', MB)).toBeDefined();
  expect(memory.take('hook', MB)).toBeDefined(); // displaces the one before
  expect(memory.take('other', 16 * MB)).toBeDefined();
});

test('all hooks together have a bound, too', () => {
  const memory = new BodyMemory();
  const first = memory.take('a', 16 * MB);
  for (const hook of ['b', 'c', 'd']) memory.take(hook, 16 * MB)?.arrived();
  expect(memory.take('e', 16 * MB)).toBeDefined();
  expect(first?.signal.aborted).toBe(true);
});
