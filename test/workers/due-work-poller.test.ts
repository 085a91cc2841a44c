import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { DueWorkPoller, type LookResult } from '../../workers/due-work-poller.ts';

let poller: DueWorkPoller | undefined;
const errors: unknown[] = [];

function startPoller(look: () => Promise<LookResult>): DueWorkPoller {
  const started = new DueWorkPoller({ onError: (error) => errors.push(error) });
  started.start(look);
  return started;
}

beforeEach(() => void vi.useFakeTimers());
afterEach(async () => {
  await poller?.stop();
  vi.useRealTimers();
  expect(errors.splice(0)).toEqual([]);
});

/** Returns polls that end when the test allows it. */
function createControlledPolls() {
  const looks: ((result: LookResult) => void)[] = [];
  const look = () => {
    const { promise, resolve } = Promise.withResolvers<LookResult>();
    looks.push(resolve);
    return promise;
  };
  /** Asserts how many polls have started after all pauses. */
  const expectLooks = async (count: number) => {
    await vi.advanceTimersByTimeAsync(60_000);
    expect(looks).toHaveLength(count);
  };
  return { looks, look, expectLooks };
}

test('a poll without room is repeated once there is room, and not before', async () => {
  const { looks, look, expectLooks } = createControlledPolls();
  poller = startPoller(look);
  await expectLooks(1);
  looks[0]?.('nothing');
  await expectLooks(1);
  poller.room(); // nothing was due
  await expectLooks(1);
  poller.nudge();
  await expectLooks(2);
  looks[1]?.('no_room');
  await expectLooks(2);
  poller.room();
  await expectLooks(3);
  looks[2]?.('nothing');
});

test('room that a run frees during a poll is not missed', async () => {
  const { looks, look, expectLooks } = createControlledPolls();
  poller = startPoller(look);
  await expectLooks(1);
  poller.room();
  looks[0]?.('no_room');
  await expectLooks(2);
  looks[1]?.('nothing');
});

test('room that a run frees during a poll that finds nothing causes no other poll', async () => {
  const { looks, look, expectLooks } = createControlledPolls();
  poller = startPoller(look);
  await expectLooks(1);
  poller.room();
  looks[0]?.('nothing');
  await expectLooks(1);
  poller.room();
  await expectLooks(1);
  poller.nudge();
  await expectLooks(2);
  poller.nudge(); // a run became due after this poll began
  poller.room();
  looks[1]?.('nothing');
  await expectLooks(3);
  looks[2]?.('nothing');
  await expectLooks(3);
});

test('a poll that found runs is followed by another, until none are left', async () => {
  const { looks, look, expectLooks } = createControlledPolls();
  poller = startPoller(look);
  await expectLooks(1);
  looks[0]?.('found');
  await expectLooks(2);
  looks[1]?.('found');
  await expectLooks(3);
  looks[2]?.('nothing');
  await expectLooks(3);
  poller.room();
  await expectLooks(3);
});

test('a look that fails is reported and repeated after a second', async () => {
  let looks = 0;
  poller = startPoller(async () => {
    looks += 1;
    if (looks === 1) throw new Error('no look');
    return 'nothing';
  });
  await vi.advanceTimersByTimeAsync(900);
  expect(looks).toBe(1);
  poller.nudge(); // has no effect: the next poll is scheduled
  await vi.advanceTimersByTimeAsync(200);
  expect(looks).toBe(2);
  expect(errors.splice(0)).toEqual([new Error('no look')]);
  poller.nudge();
  await vi.advanceTimersByTimeAsync(100);
  expect(looks).toBe(3);
});
