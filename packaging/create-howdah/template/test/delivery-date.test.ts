import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addWorkingDays } from '../src/tools/delivery-date.ts';

test('weekends are no working days', () => {
  assert.equal(addWorkingDays('2026-05-04', 3), '2026-05-07');
  assert.equal(addWorkingDays('2026-05-07', 3), '2026-05-12');
  assert.equal(addWorkingDays('2026-05-09', 1), '2026-05-11');
});
