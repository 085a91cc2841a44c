import { setInterval as ticks } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Follower } from '../../../src/db/followers/follower.ts';
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

/** Creates a follower that is polled each millisecond, and counts how often its source is idle. */
function createPolled() {
  const counts = { idle: 0, reads: 0 };
  const source: Source<number, number> = {
    states: async (keys) => new Map(keys.map((key) => [key, {}])),
    async read(requests) {
      counts.reads += 1;
      return requests.map(() => ({ rows: [], next: 'wait' }));
    },
    isIdle() {
      counts.idle += 1;
      return counts.reads >= 3;
    },
    cursorOf: (row) => row,
    placeOf: (row) => row,
  };
  const follower = new Follower(source, { isTemporary: () => true, pollMs: 1, idleMs: HOUR_MS });
  return { follower, counts };
}

test('an idle source is read again only when somebody joins or requests it', async () => {
  const { follower, counts } = createPolled();
  follower.follow('a', 0);
  await until(() => counts.reads === 3); // it is polled until it is idle
  await passSomeTime();
  expect(counts).toEqual({ reads: 3, idle: 3 });
  follower.follow('b', 0);
  await until(() => counts.idle === 4);
  await passSomeTime();
  const { reads } = counts;
  follower.requestAll();
  await until(() => counts.idle === 5);
  await passSomeTime();
  expect(counts).toEqual({ reads: reads + 1, idle: 5 });
  await follower.close(); // does not wait for the hour
});
