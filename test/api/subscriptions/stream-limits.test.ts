import { expect, test } from 'vitest';
import { createStreamLimits } from '../../../src/api/limits/stream-limits.ts';
import type { Identity } from '../../../src/api/login/auth-result.ts';

const limits = () => createStreamLimits({ sockets: 10, tenantStreams: 5, userStreams: 2 });
const by = (tenantId: string, userId?: string): Identity => ({
  ...{ tenantId, userId, role: 'viewer', expiresAt: Number.MAX_SAFE_INTEGER },
});
const codeOf = (open: () => unknown): unknown => {
  try {
    open();
    return undefined;
  } catch (error) {
    const { code, detail } = error as { code: string; detail?: unknown };
    return detail === undefined ? code : { code, ...(detail as object) };
  }
};
const beyond = (scope: string, most: number) => ({ code: 'HWQTA', limit: 'streams', scope, most });

test('a user has a limit, separate from other users of the tenant', () => {
  const { open } = limits();
  const close = open(by('acme', 'ada'));
  open(by('acme', 'ada'), 'subscription');
  expect(codeOf(() => open(by('acme', 'ada')))).toEqual(beyond('user', 2));
  expect(codeOf(() => open(by('acme', 'ada'), 'subscription'))).toEqual(beyond('user', 2));
  open(by('acme', 'bea'));
  close();
  close(); // a second call has no effect
  open(by('acme', 'ada'));
  expect(codeOf(() => open(by('acme', 'ada')))).toEqual(beyond('user', 2));
});

test('a tenant has a limit across its users, separate from other tenants', () => {
  const { open } = limits();
  for (const user of [undefined, undefined, 'ada', 'bea', 'cleo']) open(by('acme', user));
  expect(codeOf(() => open(by('acme', 'dora')))).toEqual(beyond('tenant', 5));
  expect(codeOf(() => open(by('acme')))).toEqual(beyond('tenant', 5));
  open(by('blue'));
});

test('the server limits connections, and subscriptions do not count', () => {
  const all = limits();
  for (const tenant of ['acme', 'blue']) {
    for (let n = 0; n < 5; n += 1) all.open(by(tenant));
  }
  expect(all.isFull).toBe(true);
  expect(codeOf(() => all.open(by('coral')))).toBe('53300');
  all.open(by('coral'), 'subscription');
});

test('without a login, only the limit of the server applies', () => {
  const { open } = limits();
  const nobody: Identity = { ...by('default'), expiresAt: undefined };
  for (let n = 0; n < 10; n += 1) open(nobody);
  expect(codeOf(() => open(nobody))).toBe('53300');
});
