import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiServer } from '../../src/api/server.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi } from '../api/harness.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { openTab, picture, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { createSample, type Sample } from './sample-runs.ts';

// Two tabs that show the same. With HOWDAH_TEST_PICTURES they also take the pictures `run` and
// `inbox` of the README, which are kept in docs/pictures.

const SIZE = { viewport: { width: 1200, height: 675 } };

describe.skipIf(!CHROMIUM)('two tabs', () => {
  const db = testDatabase();
  let api: ApiServer;
  let worker: Worker;
  let browser: Browser;
  let sample: Sample;
  let tabs: [Tab, Tab];

  beforeAll(async () => {
    api = await startTestApi(db.url);
    worker = await startTestWorker(db.url);
    browser = await launchChromium();
    sample = await createSample(db.pool);
    await db.pool.query(
      `update howdah.models as m set name = a.name || '-model'
       from howdah.agent_models as u join howdah.agents as a on a.id = u.agent_id
       where u.model_id = m.id and m.provider = 'scripted'`,
    );
    tabs = [await openTab(browser, api.url, SIZE), await openTab(browser, api.url, SIZE)];
  });
  afterAll(async () => {
    for (const tab of tabs ?? []) await tab.close();
    await browser?.close();
    await worker?.stop(0);
    await api?.close();
  });

  const open = (path: string) =>
    Promise.all(tabs.map(({ page }) => page.goto(`${api.url}${path}`)));

  test('show the same steps of a run', async () => {
    const id = await sample.run('lead', 'What does order A-1001 cost?');
    await open(`/runs/${id}`);
    const lines = [];
    for (const { page } of tabs) {
      await page.locator('.facts .status', { hasText: 'completed' }).waitFor();
      await page.locator('.line', { hasText: 'output' }).nth(1).waitFor();
      lines.push(await page.locator('.line-name').allTextContents());
    }
    expect(lines[0]).toEqual(lines[1]);
    const { page } = tabs[0];
    await page.locator('.line', { hasText: 'tool calculator' }).click();
    await page.getByRole('heading', { name: 'Step 2: tool calculator' }).waitFor();
    await picture(page, 'run');
  });

  test('show that a call is approved in one of them', async () => {
    await sample.run('refunds', 'Refund order A-1001.');
    await open('/inbox');
    const [first, second] = tabs;
    for (const { page } of tabs) await page.locator('.inbox-line').click();
    for (const { page } of tabs) await page.getByText('+ 1250').waitFor();
    await picture(first.page, 'inbox');
    await first.page.getByRole('button', { name: 'Approve' }).click();
    await second.page.getByText(/^Answered by .*: approve$/).waitFor();
    for (const { page, problems } of tabs) {
      await page.getByText('Nothing waits for a person.').waitFor();
      expect(await page.title()).toBe('Inbox · Howdah');
      expect(problems).toEqual([]);
    }
  });
});
