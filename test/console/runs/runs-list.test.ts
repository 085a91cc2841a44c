import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Howdah } from '../../../src/index.ts';
import { startHowdah } from '../../embedding/start-howdah.ts';
import { waitForEnd } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';
import { createSample, type Sample } from '../sample-runs.ts';

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

  test('a row is taken out of all, and a page out of a selection of several pages', async () => {
    await sample.runsOfTomorrow(60, { pages: 1 });
    await open(listOf({ pages: 1 }));
    await tab.page.locator('.row-link').nth(49).waitFor();
    const page = tab.page.getByLabel('Select the runs of this page');
    const boxes = tab.page.getByLabel(/^Select the run of/);
    await page.check();
    await button('Select all that match the filter').click();
    await boxes.first().uncheck();
    await seen('49 selected');
    await button('Older runs').click();
    await tab.page.waitForURL(/after=/);
    await expect.poll(() => boxes.count()).toBe(10);
    await page.check();
    await seen('59 selected');
    await page.uncheck();
    await seen('49 selected');
  });

  test('keys work after a click on a box, and Escape first closes what is open', async () => {
    await sample.runsOfTomorrow(3, { boxes: 1 });
    await open(listOf({ boxes: 1 }));
    await tab.page.locator('.row-link').nth(2).waitFor();
    await tab.page
      .getByLabel(/^Select the run of/)
      .first()
      .click();
    for (const key of ['j', 'x', 'p']) await tab.page.keyboard.press(key);
    await seen('2 selected');
    const dialog = tab.page.getByRole('dialog');
    await dialog.waitFor();
    await tab.page.reload();
    await dialog.waitFor();
    await tab.page.locator('.row-link').first().focus();
    await tab.page.keyboard.press('x');
    await tab.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await button('Cancel').click();
    await dialog.waitFor();
    await tab.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await seen('1 selected');
    await tab.page.keyboard.press('Escape');
    await tab.page.getByRole('toolbar').waitFor({ state: 'detached' });
  });

  test('J and K show the next run beside the list, also after a reload', async () => {
    const ids = (await sample.runsOfTomorrow(3, { peek: 1 })).toSorted().toReversed();
    await open(listOf({ peek: 1 }));
    await tab.page.locator('.row-link').nth(2).waitFor();
    for (const key of ['j', 'p', 'j']) await tab.page.keyboard.press(key);
    const link = tab.page.getByRole('link', { name: 'Open the page of the run' });
    const leadsTo = (id: string | undefined) =>
      tab.page.locator(`[role="dialog"] a[href$="/runs/${id}"]`).waitFor();
    await leadsTo(ids[1]);
    expect(new URL(tab.page.url()).searchParams.get('peek')).toBe(ids[1]);
    await picture(tab.page, 'peek');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.reload();
    await leadsTo(ids[1]);
    await tab.page.locator(`[data-run="${ids[2]}"]`).focus();
    await tab.page.keyboard.press('k');
    await leadsTo(ids[1]);
    await tab.page.keyboard.press('p');
    await link.waitFor({ state: 'detached' });
    await tab.page
      .getByRole('button', { name: /^Peek at the run of/ })
      .last()
      .click();
    await leadsTo(ids[2]);
    expect(tab.problems).toEqual([]);
  });

  test('a condition that is left as it was keeps what is shown beside the list', async () => {
    const [id] = await sample.runsOfTomorrow(1, { kept: 1 });
    await open(`${listOf({ kept: 1 })}&peek=${id}`);
    const metadata = tab.page.getByRole('textbox', { name: 'Metadata' });
    await metadata.focus();
    await tab.page.keyboard.press('Tab');
    expect(new URL(tab.page.url()).searchParams.get('peek')).toBe(id);
    await metadata.fill('{"kept": 2}');
    await metadata.press('Enter');
    await seen('No run matches the filter: Metadata.');
    const focused = 'document.activeElement.getAttribute("aria-label")';
    expect(await tab.page.evaluate(focused)).toBe('Metadata');
  });

  test('the runs of a session stand together', async () => {
    const { rows } = await db.pool.query(`
      with session as (insert into howdah.sessions (agent_id) values (howdah.agent('support')) returning id)
      insert into howdah.executions (agent_id, session_id, input, metadata, run_at)
      select howdah.agent('support'), s.id, 'In a session.', '{"grouped": 1}', now() + interval '1 day'
      from session as s returning session_id`);
    await sample.runsOfTomorrow(2, { grouped: 1 });
    await open(`${listOf({ grouped: 1 })}&group=session`);
    await seen('2 runs on this page, 0 tokens, cost 0');
    await tab.page.locator('.session-row').nth(1).waitFor();
    await picture(tab.page, 'sessions');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.locator('.session-row a').click();
    await tab.page.waitForURL(`${url}/runs?session=${rows[0].session_id}`);
  });

  test('an empty list says which condition empties it', async () => {
    await sample.runsOfTomorrow(1, { queued: 1 });
    await open(`${listOf({ queued: 1 })}&status=failed`);
    await seen('No run matches the filter: Status, Metadata.');
    await picture(tab.page, 'empty');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await button('Remove Status: runs match without it').click();
    await tab.page.locator('.row-link').first().waitFor();
    expect(new URL(tab.page.url()).search).not.toContain('status');
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
