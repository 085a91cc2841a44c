import { expect, test } from 'vitest';
import type { ClaimedRun } from '../../src/db/runs.ts';
import { batchClaims } from '../../src/runtime/claims.ts';

test('claims of one turn are one call, and a run asked for twice is given once', async () => {
  const calls: string[][] = [];
  const claim = batchClaims(async (ids) => {
    calls.push(ids);
    return ids.filter((id) => id !== 'taken').map((id) => ({ execution_id: id }) as ClaimedRun);
  });
  const runs = await Promise.all(['a', 'b', 'a', 'taken'].map((id) => claim(id)));
  expect(runs.map((run) => run?.execution_id)).toEqual(['a', 'b', undefined, undefined]);
  expect(calls).toEqual([['a', 'b', 'taken']]);
  expect((await claim('a'))?.execution_id).toBe('a'); // a turn later it is asked for anew
});

test('a run nobody asked for goes to one who gets none; nobody loses what he asked for', async () => {
  const claim = batchClaims(async () =>
    ['other', 'c', 'a', 'another'].map((id) => ({ execution_id: id }) as ClaimedRun),
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
