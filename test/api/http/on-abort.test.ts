import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { onAbort } from '../../../src/api/http/on-abort.ts';

test('the work runs once, when the signal fires', () => {
  const leaving = new AbortController();
  let calls = 0;
  onAbort(leaving.signal, () => {
    calls += 1;
  });
  expect(calls).toBe(0);
  leaving.abort();
  leaving.abort();
  expect(calls).toBe(1);
});

test('the work runs at once after a signal has fired', () => {
  let calls = 0;
  onAbort(AbortSignal.abort(), () => {
    calls += 1;
  });
  expect(calls).toBe(1);
});

test('a cancelled call leaves no listener at the signal', () => {
  const leaving = new AbortController();
  const cancel = onAbort(leaving.signal, () => expect.unreachable('cancelled'));
  expect(getEventListeners(leaving.signal, 'abort')).toHaveLength(1);
  cancel();
  expect(getEventListeners(leaving.signal, 'abort')).toEqual([]);
  leaving.abort();
});
