import { expect, test } from 'vitest';
import { RowTurns } from '../../../src/api/limits/row-turns.ts';

/** Hands out rows for a stream, and notes the turn of the event loop of each. */
function streamsOf(turns: RowTurns) {
  const rows: string[] = [];
  const ends: Promise<void>[] = [];
  return {
    rows,
    open(tenant: string, user: string, count: number) {
      const stream = async () => {
        for (let row = 0; row < count; row += 1) {
          await turns.next(tenant, user);
          rows.push(user);
        }
      };
      ends.push(stream());
    },
    end: () => Promise.all(ends),
    /** Returns the rows of each user since the last call. */
    taken: () => Object.groupBy(rows.splice(0), (user) => user),
  };
}
const nextTurn = () => new Promise(setImmediate);
const countsOf = (taken: Partial<Record<string, string[]>>) =>
  Object.fromEntries(Object.entries(taken).map(([user, rows]) => [user, rows?.length]));

test('the streams of one user share 64 rows in a turn of the loop, in their order', async () => {
  const turns = new RowTurns();
  const { open, taken, end } = streamsOf(turns);
  for (let stream = 0; stream < 100; stream += 1) open('t', 'flood', 2);
  await undefined;
  expect(countsOf(taken())).toEqual({ flood: 64 });
  await nextTurn();
  expect(countsOf(taken())).toEqual({ flood: 64 });
  await end();
  expect(countsOf(taken())).toEqual({ flood: 200 - 128 });
  expect(turns.waiting).toBe(0);
});

test('another user of the tenant hands out rows in the same turn', async () => {
  const { open, taken, end } = streamsOf(new RowTurns());
  for (let stream = 0; stream < 100; stream += 1) open('t', 'flood', 2);
  open('t', 'other', 1);
  await undefined;
  expect(countsOf(taken())).toEqual({ flood: 64, other: 1 });
  await end();
});

test('many users of one tenant share 256 rows in turn, and another tenant has its own', async () => {
  const { open, taken, end } = streamsOf(new RowTurns());
  for (let user = 0; user < 60; user += 1) open('t', `u${user}`, 10);
  open('other', 'v', 5);
  for (let turn = 0; turn < 20; turn += 1) await undefined;
  const first = taken();
  expect(first.v).toHaveLength(5);
  expect(Object.values(first).flat()).toHaveLength(256 + 5);
  await nextTurn();
  // the users that had none come first
  const second = countsOf(taken());
  expect(Object.values(second).reduce((sum = 0, count = 0) => sum + count, 0)).toBe(256);
  await end();
});

test('a stream that follows a run under way hands out its row at once', async () => {
  const turns = new RowTurns();
  for (let turn = 0; turn < 5; turn += 1) {
    expect(turns.next('t', 'u')).toBeUndefined();
    await nextTurn();
  }
});
