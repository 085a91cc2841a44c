import { decodeJwt } from 'jose';
import { expect, test } from 'vitest';
import { type CallerNames, createProcessLogins } from '../../../src/api/login/process-logins.ts';

const tokenOf = createProcessLogins(new Uint8Array(64), async ({ user }) => ({
  tenantId: 'acme',
  userId: user,
  role: user === undefined ? 'owner' : 'viewer',
}));

test('a caller with a user has the rights of the user', async () => {
  expect(decodeJwt(await tokenOf({ tenant: 'acme', user: 'maria' })).role).toBe('viewer');
});

test.each([
  { tenant: 'acme', user: undefined },
  { tenant: 'acme', user: null },
  { tenant: 'acme', user: '' },
  { tenant: undefined },
  { tenant: null, user: 'maria' },
  { tenant: 'acme', user: 4711 },
])('a caller whose name is missing is not the whole tenant: %j', async (caller) => {
  await tokenOf({ tenant: 'acme' }); // cached
  await expect(tokenOf(caller as CallerNames)).rejects.toMatchObject({ code: 'HWINV' });
});
