import { expect, test } from 'vitest';
import { runAll, settleAll } from '../../src/concurrency/run-all.ts';

const failing = (message: string) => async () => {
  throw new Error(message);
};

test('calls all functions in order, and rejects with all errors at the end', async () => {
  const calls: string[] = [];
  const all = runAll([
    () => calls.push('first'),
    failing('second'),
    () => settleAll([failing('third')(), failing('fourth')()]),
    async () => calls.push('last'),
  ]);
  await expect(all).rejects.toMatchObject({
    message: 'Error: second; AggregateError: Error: third; Error: fourth',
    errors: [{ message: 'second' }, { errors: [{ message: 'third' }, { message: 'fourth' }] }],
  });
  expect(calls).toEqual(['first', 'last']);
});

test('rejects with a single error as it is, and resolves without one', async () => {
  await expect(runAll([failing('alone')])).rejects.toEqual(new Error('alone'));
  await expect(settleAll([failing('alone')(), 1])).rejects.toEqual(new Error('alone'));
  expect(await runAll([() => settleAll([])])).toBeUndefined();
});

test('keeps an AggregateError of other code, with its code and without errors', async () => {
  const refused = Object.assign(new AggregateError([new Error('::1')]), { code: 'ECONNREFUSED' });
  await expect(settleAll([Promise.reject(refused)])).rejects.toBe(refused);
  const empty = new AggregateError([]);
  await expect(settleAll([Promise.reject(empty)])).rejects.toBe(empty);
  const all = settleAll([Promise.reject(refused), failing('other')()]);
  await expect(all).rejects.toMatchObject({ errors: [refused, { message: 'other' }] });
});

test('waits for all promises before it rejects', async () => {
  const slow = Promise.withResolvers<void>();
  const all = settleAll([failing('fast')(), slow.promise]);
  const ended: string[] = [];
  all.catch(() => ended.push('all'));
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toEqual([]);
  slow.resolve();
  await expect(all).rejects.toThrow('fast');
});
