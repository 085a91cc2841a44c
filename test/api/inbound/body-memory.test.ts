import { expect, test } from 'vitest';
import { BodyMemory } from '../../../src/api/inbound/body-memory.ts';

const MB = 1024 * 1024;

test('a body without room displaces the oldest that is arriving, of its own hook first', () => {
  const memory = new BodyMemory();
  const other = memory.reserve('other', MB);
  const places = Array.from({ length: 16 }, () => memory.reserve('hook', MB));
  places[0]?.markComplete();
  expect(memory.reserve('hook', MB)).toBeDefined();
  expect(places.map((one) => one?.signal.aborted)).toEqual([
    false,
    true,
    ...Array.from({ length: 14 }, () => false),
  ]);
  expect(other?.signal.aborted).toBe(false);
});

test('bodies that have arrived are not displaced, and are released once', () => {
  const memory = new BodyMemory();
  const places = Array.from({ length: 16 }, () => memory.reserve('hook', MB));
  for (const one of places) one?.markComplete();
  expect(memory.reserve('hook', 1)).toBeUndefined();
  places[3]?.release();
  places[3]?.release();
  expect(memory.reserve('hook', MB)).toBeDefined();
  expect(memory.reserve('hook', MB)).toBeDefined(); // evicts the earlier body
  expect(memory.reserve('other', 16 * MB)).toBeDefined();
});

test('all hooks together have a bound, too', () => {
  const memory = new BodyMemory();
  const first = memory.reserve('a', 16 * MB);
  for (const hook of ['b', 'c', 'd']) memory.reserve(hook, 16 * MB)?.markComplete();
  expect(memory.reserve('e', 16 * MB)).toBeDefined();
  expect(first?.signal.aborted).toBe(true);
});

test('a body for which there is no room displaces nothing', () => {
  const memory = new BodyMemory();
  const arriving = memory.reserve('hook', MB);
  for (let count = 0; count < 15; count += 1) memory.reserve('hook', MB)?.markComplete();
  expect(memory.reserve('hook', 2 * MB)).toBeUndefined();
  expect(arriving?.signal.aborted).toBe(false);
  const others = ['b', 'c', 'd'].map((hook) => memory.reserve(hook, 16 * MB));
  for (const one of others) one?.markComplete();
  expect(memory.reserve('e', 2 * MB)).toBeUndefined();
  expect(arriving?.signal.aborted).toBe(false);
});
