import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, test } from 'vitest';
import type { Howdah } from '../../src/index.ts';
import { startHowdah } from '../embedding/start-howdah.ts';
import { testDatabase } from '../support/database.ts';
import { openTab, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { createSample } from './sample-runs.ts';

// Open pages while the server restarts. A page that was loaded continues by itself.

describe.skipIf(!CHROMIUM)('after a restart of the server', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let tabs: [Tab, Tab];

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    browser = await launchChromium();
    tabs = [await openTab(browser, howdah.url ?? ''), await openTab(browser, howdah.url ?? '')];
  });
  afterAll(async () => {
    for (const tab of tabs ?? []) await tab.close();
    await browser?.close();
    await howdah?.close();
  });

  test('two tabs agree: the page of a run and the list follow it to the end', async () => {
    const sample = await createSample(db.pool, 'words');
    const url = howdah.url ?? '';
    const id = await sample.run('florist', 'Flowers.');
    const [page, list] = tabs.map((one) => one.page);
    if (!page || !list) throw new Error('there are no tabs');
    await page.goto(`${url}/runs/${id}`);
    await list.goto(`${url}/runs`);
    const row = list.locator('tr', { has: list.locator(`.row-link[href$="${id}"]`) });
    await page.locator('.facts .status', { hasText: 'waiting' }).waitFor();
    await row.locator('.status', { hasText: 'waiting' }).waitFor();
    await howdah.close();
    await page.getByText('Connection lost').waitFor();
    await list.getByText('Connection lost').waitFor();
    howdah = await startHowdah(db.url, { auth: 'none', port: Number(new URL(url).port) });
    await db.pool.query(
      `select howdah.answer_question(q.id, 'tulips') from howdah.questions as q
       where q.execution_id = $1`,
      [id],
    );
    await page.locator('.facts .status', { hasText: 'completed' }).waitFor();
    await row.locator('.status', { hasText: 'completed' }).waitFor();
    // what failed meanwhile is read again
    await page.getByRole('alert').first().waitFor({ state: 'detached' });
    await list.getByRole('alert').first().waitFor({ state: 'detached' });
  });
});
