import { afterAll, beforeAll, expect, test } from 'vitest';
import { openIdProviderFinding } from '../../../src/cli/doctor/openid-provider.ts';
import { readConfig } from '../../../src/config.ts';
import { type OpenIdProvider, startOpenIdProvider } from '../../support/oauth/openid-provider.ts';

let provider: OpenIdProvider;

beforeAll(async () => {
  provider = await startOpenIdProvider();
});
afterAll(() => provider?.close());

function check(issuer: string) {
  const { oidc } = readConfig({
    ...{ DATABASE_URL: 'postgres://localhost/db', HOWDAH_JWT_SECRET: 'x'.repeat(32) },
    ...{ HOWDAH_PUBLIC_URL: 'https://agents.example.com', HOWDAH_OIDC_CLIENT_ID: 'howdah' },
    HOWDAH_OIDC_ISSUER: issuer,
  });
  if (!oidc) throw new Error('the settings have no provider');
  return openIdProviderFinding(oidc);
}

test('a provider that answers and has the name of the settings is fine', async () => {
  expect(await check(provider.issuer)).toMatchObject({ check: 'openid provider', ok: true });
});

test('another name, no description and no answer are told with their fix', async () => {
  const other = await check(provider.issuer.replace('127.0.0.1', 'localhost'));
  expect(other).toMatchObject({ ok: false, fix: expect.stringContaining(provider.issuer) });
  const missing = await check(`${provider.issuer}/realms/acme`);
  expect(missing).toMatchObject({ ok: false, fix: expect.stringContaining('HOWDAH_OIDC_ISSUER') });
  provider.isDown = true;
  expect(await check(provider.issuer)).toMatchObject({
    ok: false,
    found: expect.stringContaining('503'),
  });
  provider.isDown = false;
  expect(await check('http://127.0.0.1:1')).toMatchObject({ ok: false });
});
