import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import {
  type DueRunPoller,
  type LookResult,
  startDueRunPoller,
} from '../../workers/due-run-poller.ts';

let lookOut: DueRunPoller | undefined;

beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  await lookOut?.stop();
  vi.useRealTimers();
});

/** Looks that end when the test says so. */
function controlledLooks() {
  const looks: ((result: LookResult) => void)[] = [];
  const look = () => {
    const { promise, resolve } = Promise.withResolvers<LookResult>();
    looks.push(resolve);
    return promise;
  };
  /** Asserts how many looks have begun when all pauses are over. */
  const begun = async (count: number) => {
    await vi.advanceTimersByTimeAsync(60_000);
    expect(looks).toHaveLength(count);
  };
  return { looks, look, begun };
}

test('a look without room is made up for when there is room, and not before', async () => {
  const { looks, look, begun } = controlledLooks();
  lookOut = startDueRunPoller(look);
  await begun(1);
  looks[0]?.('nothing');
  await begun(1);
  lookOut.room(); // nothing was due
  await begun(1);
  lookOut.nudge();
  await begun(2);
  looks[1]?.('no_room');
  await begun(2);
  lookOut.room();
  await begun(3);
  looks[2]?.('nothing');
});

test('room that a run leaves during a look is not missed', async () => {
  const { looks, look, begun } = controlledLooks();
  lookOut = startDueRunPoller(look);
  await begun(1);
  lookOut.room();
  looks[0]?.('no_room');
  await begun(2);
  looks[1]?.('nothing');
});

test('room that a run leaves during a look that finds nothing causes no other look', async () => {
  const { looks, look, begun } = controlledLooks();
  lookOut = startDueRunPoller(look);
  await begun(1);
  lookOut.room();
  looks[0]?.('nothing');
  await begun(1);
  lookOut.room();
  await begun(1);
  lookOut.nudge();
  await begun(2);
  lookOut.nudge(); // something became due after this look began
  lookOut.room();
  looks[1]?.('nothing');
  await begun(3);
  looks[2]?.('nothing');
  await begun(3);
});

test('after a look that found runs another one follows, until there are none', async () => {
  const { looks, look, begun } = controlledLooks();
  lookOut = startDueRunPoller(look);
  await begun(1);
  looks[0]?.('found');
  await begun(2);
  looks[1]?.('found');
  await begun(3);
  looks[2]?.('nothing');
  await begun(3);
  lookOut.room();
  await begun(3);
});
