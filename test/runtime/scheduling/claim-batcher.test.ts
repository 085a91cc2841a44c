import { expect, test } from 'vitest';
import type { ClaimedRun } from '../../../src/db/runs/runs.ts';
import {
  type ClaimedBatch,
  createClaimBatcher,
} from '../../../src/runtime/scheduling/claim-batcher.ts';

const batch = (ids: string[], reservedSlots = 0): ClaimedBatch => ({
  runs: ids.map((id) => ({ execution_id: id }) as ClaimedRun),
  reservedSlots,
});
const expectNoSurplus = ({ runs }: ClaimedBatch): void => expect(runs).toEqual([]);

test('batches claims of one turn into one call and returns each run once', async () => {
  const calls: string[][] = [];
  const claim = createClaimBatcher(async ({ ids }) => {
    calls.push(ids);
    return batch(ids.filter((id) => id !== 'taken'));
  }, expectNoSurplus);
  const runs = await Promise.all(['a', 'b', 'a', 'taken'].map((id) => claim(id)));
  expect(runs.map((run) => run?.execution_id)).toEqual(['a', 'b', undefined, undefined]);
  expect(calls).toEqual([['a', 'b', 'taken']]);
  expect((await claim('a'))?.execution_id).toBe('a'); // a later request makes a new call
});

test('an unrequested run goes to a caller without one; callers keep the runs they requested', async () => {
  const claim = createClaimBatcher(
    async () => batch(['other', 'c', 'a', 'another']),
    expectNoSurplus,
  );
  const runs = await Promise.all(['a', 'b', 'b', 'c', 'd', 'e'].map((id) => claim(id)));
  expect(runs.map((run) => run?.execution_id)).toEqual([
    'a',
    'other',
    undefined,
    'c',
    'another',
    undefined,
  ]);
});

test('surplus runs are passed on with the number of reserved slots', async () => {
  const left: string[][] = [];
  const claim = createClaimBatcher(
    async () => batch(['a', 'b', 'c', 'd'], 3),
    ({ runs, reservedSlots }) =>
      left.push([`of ${reservedSlots}`, ...runs.map((run) => run.execution_id)]),
  );
  const runs = await Promise.all(['a', 'x'].map((id) => claim(id)));
  expect(runs.map((run) => run?.execution_id)).toEqual(['a', 'b']);
  expect(left).toEqual([['of 3', 'c', 'd']]);
});

test('batches claims made while a call is in flight into the next call', async () => {
  const calls: string[][] = [];
  const first = Promise.withResolvers<void>();
  const claim = createClaimBatcher(
    async ({ ids }) => {
      calls.push(ids);
      return batch(ids);
    },
    expectNoSurplus,
    () => first.promise,
  );
  const runs = ['a', 'b'].map((id) => claim(id));
  await new Promise((resolve) => setImmediate(resolve));
  runs.push(claim('c'));
  first.resolve();
  expect((await Promise.all(runs)).map((run) => run?.execution_id)).toEqual(['a', 'b', 'c']);
  expect(calls).toEqual([['a', 'b', 'c']]);
});

test('claims an offered run by its wake-up when that arrives before the call', async () => {
  const calls: string[][] = [];
  const claim = createClaimBatcher(async ({ ids, offered }) => {
    calls.push(ids, offered);
    return batch(ids);
  }, expectNoSurplus);
  const claims = [
    claim('offered', 'offer'),
    claim('both', 'offer'),
    claim('both'),
    claim('woken'),
    claim('woken', 'offer'),
  ];
  const runs = (await Promise.all(claims)).map((run) => run?.execution_id);
  expect(runs).toEqual(['offered', 'both', undefined, 'woken', undefined]);
  expect(calls).toEqual([['offered', 'both', 'woken'], ['offered']]);
});

test('a duplicate claim of a run settles, and fails, with the first claim', async () => {
  const { promise, reject } = Promise.withResolvers<ClaimedBatch>();
  const claim = createClaimBatcher(() => promise, expectNoSurplus);
  let isOver = false;
  const offer = claim('run', 'offer');
  const wakeUp = claim('run').finally(() => {
    isOver = true;
  });
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(isOver).toBe(false);
  reject(new Error('refused'));
  await expect(offer).rejects.toThrow('refused');
  await expect(wakeUp).rejects.toThrow('refused');
});
