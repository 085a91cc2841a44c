import { pino } from 'pino';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ApiServer, startApi } from '../../../src/api/server.ts';
import { readConfig } from '../../../src/config.ts';
import { testDatabase } from '../../support/database.ts';
import {
  OIDC_CLIENT,
  type OpenIdProvider,
  startOpenIdProvider,
} from '../../support/oauth/openid-provider.ts';
import { type PublicProxy, startPublicProxy } from '../../support/oauth/public-proxy.ts';
import { TEST_MASTER_KEYS } from '../../support/worker.ts';
import { openTab, seriousFindings } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

describe.skipIf(!CHROMIUM)('the console of a server with an OpenID provider', () => {
  const db = testDatabase();
  let api: ApiServer;
  let browser: Browser;
  let provider: OpenIdProvider;
  let proxy: PublicProxy;

  beforeAll(async () => {
    provider = await startOpenIdProvider();
    proxy = await startPublicProxy('/agents');
    const config = readConfig({
      ...{ DATABASE_URL: db.url, PORT: '0', HOWDAH_PUBLIC_URL: proxy.url },
      ...{ HOWDAH_JWT_SECRET: 'a-secret-of-the-tests-with-32-bytes!' },
      ...{ HOWDAH_OIDC_ISSUER: provider.issuer, HOWDAH_OIDC_CLIENT_ID: OIDC_CLIENT.id },
      ...{ HOWDAH_OIDC_CLIENT_SECRET: OIDC_CLIENT.secret, HOWDAH_OIDC_NEW_USERS: 'member' },
    });
    const log = pino({ level: 'silent' });
    api = await startApi({ ...config, url: db.url, log, masterKeys: TEST_MASTER_KEYS });
    proxy.port = api.port;
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
    proxy?.close();
    provider?.close();
  });

  test('a failed login is not told again after a login by a key', async () => {
    const { rows } = await db.pool.query(
      `select key from howdah.create_api_key('console', 'member', null, now() + interval '1 day')`,
    );
    const { page, close } = await openTab(browser, proxy.url);
    const told = page.getByText(/did not let you sign in/);
    provider.error = 'access_denied';
    await page.goto(`${proxy.url}/runs`);
    await page.getByRole('button', { name: /^Sign in with / }).click();
    await told.waitFor();
    provider.error = undefined;
    await page.getByLabel('API key or token').fill(rows[0].key);
    await page.getByRole('button', { name: 'Log in', exact: true }).click();
    await page.getByRole('button', { name: 'Log out' }).click();
    await page.getByRole('button', { name: /^Sign in with / }).waitFor();
    expect(await told.count()).toBe(0);
    await close();
  });

  test('signs in, shows the page that was asked for, and logs out', async () => {
    const { page, problems, close } = await openTab(browser, proxy.url);
    const signIn = page.getByRole('button', {
      name: `Sign in with ${new URL(provider.issuer).host}`,
    });
    const logOut = page.getByRole('button', { name: 'Log out' });
    await page.goto(`${proxy.url}/runs?status=failed`);
    await signIn.waitFor();
    expect(await seriousFindings(page)).toEqual([]);

    provider.error = 'access_denied';
    await signIn.click();
    await page.getByText(/did not let you sign in/).waitFor();
    expect(page.url()).toBe(`${proxy.url}/login`);
    expect(await seriousFindings(page)).toEqual([]);

    provider.error = undefined;
    await page.goto(`${proxy.url}/runs?status=failed`);
    await signIn.click();
    await page.getByText('No run matches the filter: Status.').waitFor();
    expect(page.url()).toBe(`${proxy.url}/runs?status=failed`);
    expect(await page.evaluate('JSON.stringify({ ...localStorage })')).not.toContain('eyJ');
    expect(await page.context().cookies()).toEqual([]);
    await page.reload();
    await logOut.click();
    await signIn.waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    expect(problems.filter((one) => !/status of 40[13]/.test(one))).toEqual([]);
    await close();
  });
});
