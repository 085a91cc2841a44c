import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../../src/api/server.ts';
import { startTestApi } from '../../api/harness.ts';
import { tokenOptions } from '../../api/subscriptions/tokens.ts';
import { testDatabase } from '../../support/database.ts';
import { openTab, seriousFindings } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

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

  test('a viewer compares runs, and sees no button that would be refused', async () => {
    const { rows } = await db.pool.query(
      `select key from howdah.create_api_key('viewer', 'viewer', null, now() + interval '1 day')`,
    );
    await db.pool.query(`
      insert into howdah.executions (agent_id, input, run_at)
      select howdah.agent('development'), 'Tomorrow.', now() + interval '1 day'
      from generate_series(1, 2)`);
    const { page, close } = await openTab(browser, api.url);
    await page.goto(`${api.url}/runs`);
    await page.getByLabel('API key or token', { exact: true }).fill(rows[0].key);
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.getByLabel('Select the runs of this page').check();
    const toolbar = page.getByRole('toolbar');
    await toolbar.getByRole('link', { name: 'Compare' }).waitFor();
    expect(await toolbar.getByRole('button').allInnerTexts()).toEqual(['Clear the selection']);
    await page.locator('.row-link').first().press('Enter');
    await page.getByRole('button', { name: 'Compare with' }).waitFor();
    for (const name of ['Cancel', 'Pause', 'Fork', 'Give feedback']) {
      expect(await page.getByRole('button', { name, exact: true }).count(), name).toBe(0);
    }
    await close();
  });
});
