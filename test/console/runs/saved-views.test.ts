import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isSameQuery, queryOf } from '../../../src/console/views/view-query.ts';
import type { Howdah } from '../../../src/index.ts';
import { startHowdah } from '../../embedding/start-howdah.ts';
import { testDatabase } from '../../support/database.ts';
import { openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';
import { createSample, type Sample } from '../sample-runs.ts';

// Filters of the list of runs in a real browser: the runs of a row, and views that are saved.

test('a view is the query of a URL, whatever its values and their order', () => {
  expect(queryOf({ filter: { status: '!failed', order: 7 } })).toBe('status=%21failed&order=7');
  expect(isSameQuery('a=1&b=2', 'b=2&a=1')).toBe(true);
  expect(isSameQuery('a=1', 'a=1&b=2')).toBe(false);
});

describe.skipIf(!CHROMIUM)('the filters of runs', () => {
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
  const button = (name: string | RegExp) => tab.page.getByRole('button', { name, exact: true });
  const item = (name: string) => tab.page.getByRole('menuitem', { name });
  const views = async () =>
    (await db.pool.query('select name, place, filter, is_shared from howdah.saved_views')).rows;

  test('a link from a row of a table leads to its runs, which stay live', async () => {
    const [id] = await sample.runsOfTomorrow(1, { table: 'shop.orders', row: { id: 4711 } });
    await sample.runsOfTomorrow(1, { table: 'shop.orders', row: { id: 4712 } });
    await open('/runs?ref=orders:4711');
    await tab.page.locator(`[data-run="${id}"]`).waitFor();
    expect(await tab.page.locator('.row-link').count()).toBe(1);
    expect(await tab.page.getByLabel('Row').inputValue()).toBe('orders:4711');
    const [next] = await sample.runsOfTomorrow(1, { table: 'shop.orders', row: { id: 4711 } });
    await tab.page.locator(`[data-run="${next}"]`).waitFor();
    await picture(tab.page, 'runs-of-a-row');
    await tab.page.getByLabel('Row').fill('orders');
    await tab.page.getByText('Write a table, a colon and a key').waitFor();
    await tab.page.getByLabel('Row').fill('orders:4799');
    await tab.page.keyboard.press('Enter');
    await tab.page.getByText('No run matches the filter: Row.').waitFor();
    expect(tab.problems).toEqual([]);
  });

  test('a view is saved, opened, renamed, shared and deleted', async () => {
    await open('/runs?status=failed&since=7d');
    await button('Views').click();
    await item('Save this filter…').click();
    await tab.page.getByLabel('Name').fill('Failed this <b>week</b>');
    await picture(tab.page, 'save-view');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await button('Save the view').click();
    const saved = button('View: Failed this <b>week</b>');
    await saved.waitFor();
    expect(await views()).toEqual([
      {
        name: 'Failed this <b>week</b>',
        place: 'runs',
        filter: { status: 'failed', since: '7d' },
        is_shared: false,
      },
    ]);
    await open('/runs');
    await button('Views').click();
    await item('Failed this <b>week</b>').waitFor();
    await picture(tab.page, 'views');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await item('Failed this <b>week</b>').press('Enter');
    await tab.page.waitForURL(`${url}/runs?status=failed&since=7d`);
    await saved.click();
    await item('Rename or delete…').click();
    await tab.page.getByLabel('Name of Failed this').fill('Failures');
    await tab.page.keyboard.press('Enter');
    await tab.page.getByLabel('Show Failures to everybody').click();
    await picture(tab.page, 'change-views');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await expect.poll(views).toMatchObject([{ name: 'Failures', is_shared: true }]);
    await button('Delete Failures').click();
    await button('Delete').click();
    await expect.poll(views).toEqual([]);
    await button('Close').last().click();
    await button('Views').waitFor();
    expect(tab.problems).toEqual([]);
  });

  test('a name that is used already is refused in the form', async () => {
    await db.pool.query(
      `insert into howdah.saved_views (name, place, filter) values ('taken', 'runs', '{}')`,
    );
    await open('/runs?children=1');
    await button('Views').click();
    await item('Save this filter…').click();
    await tab.page.getByLabel('Name').fill('taken');
    await tab.page.keyboard.press('Enter');
    await tab.page.getByRole('dialog').getByRole('alert').waitFor();
    await picture(tab.page, 'taken-name');
    expect(await views()).toHaveLength(1);
  });
});
