import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { createEgress } from '../../../src/tools/egress.ts';
import {
  accountOf,
  createLink,
  makeIntegration,
  makeUser,
  masterKeys,
  setUpOAuthFixture,
  waitForRevocations,
} from '../../accounts/arrange.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { consent } from '../../support/oauth/browser.ts';
import { expectReadable, openTabAs, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// The pages of connected accounts: as an admin, as the user of an account and as a viewer.

describe.skipIf(!CHROMIUM)('the page of a connected account', () => {
  const fixture = setUpOAuthFixture();
  let api: ApiServer;
  let browser: Browser;
  let ada: string;

  beforeAll(async () => {
    // Links lead to the API that started last, so it has to reach the servers of OAuth
    const hosts = [fixture.server.issuer, fixture.resource.origin].map((url) => new URL(url).host);
    const local = hosts.map((host) => host.replace('127.0.0.1', 'localhost'));
    const egress = createEgress({ allowPrivate: [...hosts, ...local] });
    api = await startTestApi(fixture.db.url, { ...tokenOptions, masterKeys, egress });
    browser = await launchChromium();
    ada = await makeUser(fixture, 'ada');
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  const logIn = (role: string, userId: string | null = null, options = {}): Promise<Tab> =>
    openTabAs(browser, api.url, fixture.db.pool, { role, userId }, options);

  /** Connects an account of a user or of the tenant. Returns its id and its integration. */
  async function connected(username?: string) {
    const scope = username === undefined ? 'tenant' : 'user';
    const { name } = await makeIntegration(fixture, { account_scope: scope });
    await consent(await createLink(fixture, name, username));
    const account = await accountOf(fixture, name, username === undefined ? null : ada);
    expect(account.status).toBe('connected');
    return { name, id: account.id as string };
  }

  const open = ({ page }: Tab, id: string) =>
    page.goto(`${api.url}/system/connected-accounts/${id}`);
  const button = ({ page }: Tab, name: string) => page.getByRole('button', { name, exact: true });
  const fact = ({ page }: Tab, value: string) =>
    page.locator('.row-facts dd', { hasText: new RegExp(`^${value}$`) });

  test('an admin disconnects it after a question, and its tokens are revoked', async () => {
    const { name, id } = await connected();
    const admin = await logIn('admin');
    await admin.page.goto(`${api.url}/system/connected-accounts`);
    await admin.page.locator('.row-link').first().waitFor();
    await picture(admin.page, 'accounts');
    await open(admin, id);
    await button(admin, 'Disconnect').click();
    const dialog = admin.page.getByRole('dialog');
    await dialog.getByText(`Disconnect the account of ${name}?`).waitFor();
    await picture(admin.page, 'account-disconnect');
    expect(await seriousFindings(admin.page)).toEqual([]);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await accountOf(fixture, name)).toMatchObject({ status: 'connected' });
    await button(admin, 'Disconnect').click();
    await dialog.getByRole('button', { name: 'Disconnect' }).click();
    await fact(admin, 'revoked').waitFor();
    await button(admin, 'Disconnect').waitFor({ state: 'detached' });
    expect(new URL(admin.page.url()).pathname).toBe(`/system/connected-accounts/${id}`);
    expect(await button(admin, 'Delete').count()).toBe(0);
    expect(await accountOf(fixture, name)).toMatchObject({ status: 'revoked' });
    await waitForRevocations(fixture);
    await picture(admin.page, 'account-revoked');
    expect(admin.problems).toEqual([]);
    await admin.close();
  });

  test('a user disconnects the own account, and sees no button at that of the tenant', async () => {
    const own = await connected('ada');
    const ofTenant = await connected();
    for (const role of ['member', 'viewer']) {
      const user = await logIn(role, role === 'member' ? ada : null);
      await open(user, ofTenant.id);
      await fact(user, 'connected').waitFor();
      await button(user, 'Copy as').waitFor();
      expect(await button(user, 'Disconnect').count(), role).toBe(0);
      expect(await button(user, 'Delete').count(), role).toBe(0);
      await user.close();
    }
    const user = await logIn('member', ada);
    await open(user, own.id);
    await button(user, 'Disconnect').click();
    await user.page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).click();
    await fact(user, 'revoked').waitFor();
    expect(await accountOf(fixture, own.name, ada)).toMatchObject({ status: 'revoked' });
    expect(await accountOf(fixture, ofTenant.name)).toMatchObject({ status: 'connected' });
    expect(user.problems).toEqual([]);
    await user.close();
  });

  test('what the server refuses stands in the dialog', async () => {
    const { id } = await connected();
    const admin = await logIn('admin');
    await open(admin, id);
    await button(admin, 'Disconnect').click();
    await fixture.db.pool.query('delete from howdah.connected_accounts where id = $1', [id]);
    const dialog = admin.page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Disconnect' }).click();
    await dialog.getByRole('alert').getByText('There is no connected account').waitFor();
    await admin.close();
  });

  test('in both colours, it fits a phone', async () => {
    const { id } = await connected();
    for (const width of [360, 1440]) {
      const viewport = { width, height: 800 };
      const admin = await logIn('admin', null, { viewport });
      await open(admin, id);
      await button(admin, 'Disconnect').click();
      await admin.page.getByRole('dialog').getByRole('button', { name: 'Disconnect' }).waitFor();
      await expectReadable(admin, `account-${width}`);
      await admin.close();
    }
  });
});
