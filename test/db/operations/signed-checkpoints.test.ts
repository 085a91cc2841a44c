import { expect, test } from 'vitest';
import { isGenuine, readCheckpoints } from '../../../src/db/operations/signed-checkpoints.ts';

const line = (more: object) =>
  JSON.stringify({
    tenant_id: '01890000-0000-7000-8000-000000000001',
    seq: 1,
    hash: 'a'.repeat(64),
    ...more,
  });

test('a line whose signature is not text is unreadable', () => {
  const text = [line({}), line({ hmac: 1, signed_by: 'key' }), line({ signed_by: {} })].join('\n');
  const { checkpoints, unreadable } = readCheckpoints(text);
  expect(unreadable).toBe(2);
  expect(
    checkpoints.map((one) => isGenuine(one, [{ name: 'key', bytes: Buffer.alloc(32) }])),
  ).toHaveLength(1);
});
