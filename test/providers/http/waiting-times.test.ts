import { expect, test } from 'vitest';
import { codeOfError, parseReport } from '../../../src/providers/http/error-codes.ts';
import { waitingTimeMs } from '../../../src/providers/http/waiting-times.ts';

const NOW = Date.parse('2026-11-26T04:00:00Z');
const reportOf = (error: object) => parseReport({ error }, '', null);

test.each([
  ['Too many requests. Please wait 3 seconds before retrying.', 3_000],
  ['Rate limited. The limit resets in 3 seconds.', 3_000],
  ['Please try again in 20.', 20_000],
  ['Please retry after 2026-11-26T04:00:05Z.', 5_000],
  ['Try again at 2026-11-26T05:00:05+01:00', 5_000],
  ['Please try again after 2026-11-26.', undefined],
  ['Please try again after 26/11/2026.', undefined],
  ['Please try again in 5:30.', undefined],
])('reads the wait of a sentence: %s', (message, ms) => {
  expect(waitingTimeMs(undefined, reportOf({ message }), NOW)).toBe(ms);
});

test('reads milliseconds in a body', () => {
  expect(waitingTimeMs(undefined, reportOf({ message: 'slow', retry_after_ms: 1_500 }))).toBe(1500);
});

test.each([
  [400, { code: 'Arrearage', message: 'Access denied.' }, 'quota_exhausted'],
  [403, { code: 30001, message: 'Your account balance is not enough' }, 'quota_exhausted'],
  [429, { code: '1113', message: '余额不足或无可用资源包,请充值。' }, 'quota_exhausted'],
  [400, { code: 'tool_use_failed', message: 'Failed to call a function.' }, 'bad_answer'],
  [400, { code: 'json_validate_failed', message: 'Failed to generate JSON.' }, 'bad_answer'],
])('%i with %o is %s', (status, error, code) => {
  expect(codeOfError(status, reportOf(error))).toBe(code);
});
