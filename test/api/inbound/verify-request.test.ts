import { expect, test } from 'vitest';
import { verify } from '../../../src/api/inbound/receive-request.ts';

const hook = {
  id: 'hook',
  tenant_id: 'tenant',
  user_id: null,
  verification: 'github',
  secrets: ['github'],
  secret_header: null,
  condition: null,
  mapping: {},
  session_key: null,
  debounce_key: null,
  reply: null,
} as const;

test.each([true, false])(
  'a secret that cannot be read (retryable: %s) gets 401',
  async (retryable) => {
    const readSecret = async () => ({
      ok: false as const,
      error: { code: 'internal' as const, message: 'the secret cannot be read', retryable },
    });
    const verified = await verify(
      {},
      Buffer.from('{}'),
      { ...hook, secrets: ['github'] },
      readSecret,
    );
    expect(verified).toMatchObject({ ok: false, fault: { status: 401, code: 'unusable_secret' } });
  },
);
