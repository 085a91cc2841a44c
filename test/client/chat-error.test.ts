import { expect, test } from 'vitest';
import { chatErrorText } from '../../src/client/chat-error.ts';

test.each([
  [
    '{"status": 404, "detail": "there is no agent x", "hint": "Use another."}',
    'there is no agent x. Use another.',
  ],
  ['{"detail": "only this"}', 'only this'],
  ['{"error": "of a proxy"}', '{"error": "of a proxy"}'],
  ['null', 'null'],
  ['Failed to fetch', 'Failed to fetch'],
])('of %s', (message, text) => {
  expect(chatErrorText(new Error(message))).toBe(text);
});
