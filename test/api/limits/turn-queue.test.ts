import { expect, test } from 'vitest';
import { TurnQueue } from '../../../src/api/limits/turn-queue.ts';

test('callers proceed in order, each in its own event loop turn', async () => {
  const queue = new TurnQueue();
  let turn = 0;
  let counts = true;
  const count = () => {
    turn += 1;
    if (counts) setImmediate(count);
  };
  setImmediate(count);
  const turns: number[] = [];
  await Promise.all(
    [0, 1, 2, 3].map(async () => {
      await queue.next();
      turns.push(turn);
    }),
  );
  counts = false;
  expect(turns).toEqual([...new Set(turns)].sort((a, b) => a - b));
});

test('an idle queue waits for one turn only', async () => {
  const queue = new TurnQueue();
  await queue.next();
  let passed = false;
  setImmediate(() => {
    passed = true;
  });
  await queue.next();
  expect(passed).toBe(true);
});
