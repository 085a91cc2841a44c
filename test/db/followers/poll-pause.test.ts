import { setInterval as ticks } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Follower } from '../../../src/db/followers/follower.ts';
import { PollPause } from '../../../src/db/followers/poll-pause.ts';
import type { Source } from '../../../src/db/followers/source.ts';
import { until } from '../../api/harness.ts';

const HOUR_MS = 3_600_000;

/** Lets timers of a millisecond fire several times. */
async function passSomeTime(): Promise<void> {
  let count = 0;
  for await (const _ of ticks(1)) {
    count += 1;
    if (count === 20) return;
  }
}

type Counts = { reads: number; rests: number };

/** Creates a follower that is polled each millisecond, and counts its reads. */
function createPolled(onRead: (counts: Counts) => void = () => {}) {
  const counts = { reads: 0, rests: 0 };
  const source: Source<number, number> = {
    async states(keys) {
      counts.reads += 1;
      onRead(counts);
      return new Map(keys.map((key) => [key, {}]));
    },
    read: async (requests) => requests.map(() => ({ rows: [], next: 'wait' })),
    mayRestMs() {
      counts.rests += 1;
      return counts.reads >= 3 ? HOUR_MS : 0;
    },
    cursorOf: (row) => row,
    placeOf: (row) => row,
  };
  const follower = new Follower(source, { isTemporary: () => true, pollMs: 1, restMs: HOUR_MS });
  return { follower, counts };
}

test('a source that rests is read again only when somebody joins or wakes it', async () => {
  const { follower, counts } = createPolled();
  follower.follow('a', 0);
  await until(() => counts.reads === 3); // it is polled until it rests
  await passSomeTime();
  expect(counts).toEqual({ reads: 3, rests: 3 });
  follower.follow('b', 0);
  await until(() => counts.reads === 4);
  await passSomeTime();
  follower.wake();
  await until(() => counts.reads === 5);
  await passSomeTime();
  expect(counts).toEqual({ reads: 5, rests: 5 });
  await follower.close(); // does not wait for the hour
});

test('a source that is woken during a read is read once more', async () => {
  const { follower, counts } = createPolled(({ reads }) => {
    if (reads === 3) follower.wake();
  });
  follower.follow('a', 0);
  await until(() => counts.reads === 4);
  await passSomeTime();
  expect(counts.reads).toBe(4);
  await follower.close();
});

test('waking does not shorten the pause between two polls', async () => {
  const pause = new PollPause({ pollMs: HOUR_MS, restMs: 2 * HOUR_MS });
  let hasEnded = false;
  void pause.wait({ ms: 0, hasMore: () => false, mayRestMs: () => HOUR_MS }).then(() => {
    hasEnded = true;
  });
  pause.wake();
  await passSomeTime();
  expect(hasEnded).toBe(false);
});
