import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import { startTestApi } from '../api/harness.ts';
import { tokenOptions } from '../api/subscriptions/tokens.ts';
import { testDatabase } from '../support/database.ts';
import { openTab, seriousFindings } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';

describe.skipIf(!CHROMIUM)('a console that requires a login', () => {
  const db = testDatabase();
  let api: ApiServer;
  let browser: Browser;

  beforeAll(async () => {
    api = await startTestApi(db.url, tokenOptions);
    browser = await launchChromium();
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  test('takes a key, keeps it out of URLs, and forgets it on request', async () => {
    const { rows } = await db.pool.query(
      `select key from howdah.create_api_key('console', 'member', null, now() + interval '1 day')`,
    );
    const { page, close } = await openTab(browser, api.url);
    await page.goto(`${api.url}/runs?status=failed`);
    const field = page.getByLabel('API key or token', { exact: true });
    await field.fill('not-a-key');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('The server does not accept this key or token.').waitFor();
    expect(await seriousFindings(page)).toEqual([]);
    await field.fill(rows[0].key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByText('No run matches the filter: Status.').waitFor();
    expect(page.url()).toBe(`${api.url}/runs?status=failed`);
    expect(await page.evaluate('JSON.stringify({ ...localStorage })')).not.toContain(rows[0].key);
    await page.getByRole('button', { name: 'Log out' }).click();
    await field.waitFor();
    expect(await page.evaluate('sessionStorage.length')).toBe(0);
    await close();
  });
});
