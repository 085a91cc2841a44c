import { expect, test, vi } from 'vitest';
import { retry } from '../../src/client/retry-request.ts';
import { HowdahError } from '../../src/contracts/errors.ts';

const away = new HowdahError('EUNREACHABLE', 'nobody answers');

test('a signal ends the pause between two attempts', async () => {
  const stop = new AbortController();
  let attempts = 0;
  vi.useFakeTimers({ toFake: ['setTimeout'] }); // the pause never ends by itself
  const result = retry(async () => {
    attempts += 1;
    setImmediate(() => stop.abort());
    throw away;
  }, stop.signal);
  await expect(result).rejects.toBe(away);
  expect(attempts).toBe(1);
});
