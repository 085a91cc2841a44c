import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Howdah } from '../../src/index.ts';
import { startHowdah } from '../embedding/start-howdah.ts';
import { waitForEnd } from '../runtime/arrange.ts';
import { testDatabase } from '../support/database.ts';
import { openTab, picture, seriousFindings, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { createSample, type Sample } from './sample-runs.ts';

// The list of runs in a real browser: selecting runs and changing many of them.

const listOf = (metadata: object) =>
  `/runs?metadata=${encodeURIComponent(JSON.stringify(metadata))}`;

describe.skipIf(!CHROMIUM)('the list of runs', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let sample: Sample;
  let url: string;
  let tab: Tab;

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    url = howdah.url ?? '';
    browser = await launchChromium();
    tab = await openTab(browser, url);
    sample = await createSample(db.pool);
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  const open = (path: string) => tab.page.goto(`${url}${path}`);
  const seen = (text: string | RegExp) => tab.page.getByText(text).first().waitFor();
  const button = (name: string | RegExp) => tab.page.getByRole('button', { name, exact: true });
  const statuses = async (ids: string[]) => {
    const { rows } = await db.pool.query(
      'select status, count(*)::int as runs from howdah.executions where id = any ($1) group by 1 order by 1',
      [ids],
    );
    return rows.map(({ status, runs }) => [status, runs]);
  };

  test('all runs that match are cancelled and retried, and the others stay', async () => {
    const ids = await sample.runsOfTomorrow(130, { bulk: 1 });
    const others = await sample.runsOfTomorrow(1, { bulk: 2 });
    await open(listOf({ bulk: 1 }));
    await tab.page.locator('.row-link').nth(49).waitFor();
    await tab.page.getByLabel('Select the runs of this page').check();
    await seen('50 selected');
    await button('Select all that match the filter').click();
    await button('Cancel').click();
    await seen('Cancel 130 runs and all runs below?');
    await picture(tab.page, 'bulk-question');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await button('Cancel 130 runs').click();
    await seen('130 of 130 changed.');
    await picture(tab.page, 'bulk-done');
    expect(await statuses(ids)).toEqual([['cancelled', 130]]);
    expect(await statuses(others)).toEqual([['queued', 1]]);
    await button('Close').last().click();
    await button('Retry').click();
    await button('Retry 130 runs').click();
    await seen('130 of 130 changed.');
    expect(await statuses(ids)).toEqual([['queued', 130]]);
    await button('Close').last().click();
    await button('Resume').click();
    await seen('No run that matches is paused.');
    expect(tab.problems).toEqual([]);
  });

  test('rows are selected by keyboard, and two of them are compared', async () => {
    const [a = '', b = ''] = (await sample.runsOfTomorrow(2, { pair: 1 })).toSorted();
    await open(listOf({ pair: 1 }));
    await tab.page.locator('.row-link').nth(1).waitFor();
    for (const key of ['j', 'x', 'j', 'x']) await tab.page.keyboard.press(key);
    await seen('2 selected');
    await picture(tab.page, 'selected');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('link', { name: 'Compare' }).click();
    await tab.page.waitForURL(`${url}/runs/${a}/compare/${b}`);
    await seen('The runs started, went on and ended in the same way.');
    await tab.page.goBack();
    await tab.page.locator('.row-link').first().focus();
    await tab.page.keyboard.press('x');
    await seen('1 selected');
    await tab.page.keyboard.press('Escape');
    await tab.page.getByRole('toolbar').waitFor({ state: 'detached' });
  });

  test('a run that cannot be changed is reported with the reason', async () => {
    const id = await sample.run('support', 'Too late.');
    await waitForEnd(db.pool, id);
    await open('/runs?status=completed');
    await tab.page.locator(`[data-run="${id}"]`).focus();
    await tab.page.keyboard.press('x');
    await button('Cancel').click();
    await button('Cancel 1 run').click();
    await seen('0 of 1 changed.');
    await seen(/^1 × execution … /);
  });
});
