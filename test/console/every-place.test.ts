import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listPath } from '../../src/console/rows/paths.ts';
import type { ResourceType } from '../../src/console/rows/resource-types.ts';
import type { Howdah } from '../../src/index.ts';
import { startHowdah } from '../embedding/start-howdah.ts';
import { makeWorker, one } from '../sql/support.ts';
import { fillTenant } from '../sql/two-tenants.ts';
import { testDatabase } from '../support/database.ts';
import { openTab, picture, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { cutTexts } from './cut-texts.ts';
import { bareIds, hiddenCells } from './rows/phone-lists.ts';
import { createSample } from './sample-runs.ts';

// Every place on a phone, with a row in every table. Names are as long as those of real teams.

const NAME = 'emea-customer-escalations-2026';
const LOOKS = [
  { width: 360, colorScheme: 'dark' },
  // other looks are for people: they need no test, since colours change no width
  ...(process.env.HOWDAH_TEST_PICTURES
    ? ([
        { width: 360, colorScheme: 'light' },
        { width: 1440, colorScheme: 'dark' },
        { width: 1440, colorScheme: 'light' },
      ] as const)
    : []),
] as const;

describe.skipIf(!CHROMIUM)('every place of the console', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let run: string;
  let other: string;

  beforeAll(async () => {
    const { id } = await one<{ id: string }>(
      db.pool,
      `select id from howdah.tenants where slug = 'default'`,
    );
    await db.pool.query(
      `create schema shop;
       create function shop.on_event(event jsonb) returns void language sql as 'select'`,
    );
    await fillTenant(db.pool, id, await makeWorker(db.pool), NAME);
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    browser = await launchChromium();
    const sample = await createSample(db.pool);
    run = await sample.run('lead', 'Ask support about the refund of the order A-1001.');
    await howdah.waitFor(run);
    other = await sample.run('support', 'Ask about another order.');
    await howdah.waitFor(other);
    await sample.run('broken', 'Fail, please.');
    await sample.run('refunds', 'Refund it.');
    await sample.run('florist', 'Which flowers?');
    await db.pool.query('select howdah.use_alert_rules()');
  });
  afterAll(async () => {
    await browser?.close();
    await howdah?.close();
  });

  /** Returns the paths of all places, by name. */
  async function listPlaces(tab: Tab): Promise<string[]> {
    const answer = await fetch(`${howdah.url}/api/resource-types`);
    const { data: types } = (await answer.json()) as { data: ResourceType[] };
    const ofRows = await Promise.all(types.map(pathsOf));
    await tab.page.goto(`${howdah.url}/inbox`);
    await tab.page.locator('.inbox-line').nth(1).waitFor();
    const entries = await tab.page.locator('.inbox-line').evaluateAll(HREFS);
    const ids = async (table: string) =>
      (await db.pool.query(`select id from howdah.${table} order by id desc limit 2`)).rows.map(
        (row) => row.id as string,
      );
    const [session] = await ids('sessions');
    const [search] = await ids('searches');
    const [document] = await ids('documents');
    const [evaluation] = await ids('evaluations');
    return [
      ...['/', '/runs', '/runs?group=session', `/runs/${run}`, `/runs/${run}/2`],
      ...['messages', 'content', 'json', 'forks'].map((name) => `/runs/${run}?tab=${name}`),
      ...[`/runs/${run}/compare/${other}`, '/inbox', ...(entries as string[])],
      ...['/chat', `/chat/${session}`, '/playground?agent=support', '/playground'],
      ...['/definitions/agent-systems', `/definitions/agent-systems/${NAME}`],
      ...[`/knowledge/${NAME}?q=${NAME}`, `/knowledge/${NAME}/documents/${document}?chunk=1`],
      ...['/system/searches', `/system/searches/${search}`, `/datasets/${NAME}/leaderboard`],
      ...['items', 'graders'].map((part) => `/datasets/${NAME}/${part}/new`),
      ...['/quality', '/evaluations', `/evaluations/${evaluation}`, '/evaluations/over-time'],
      ...['/costs', '/costs?by=model', '/system'],
      ...['queue', 'health', 'audit-log', 'settings', 'sql'].map((page) => `/system/${page}`),
      ...ofRows.flat(),
    ];
  }

  async function pathsOf(type: ResourceType): Promise<string[]> {
    const list = listPath(type.name);
    const answer = await fetch(`${howdah.url}${type.path}?limit=50`);
    if (!answer.ok) return [];
    const { data } = (await answer.json()) as { data: { id: string; name?: string }[] };
    const row = data.find(({ name }) => name === NAME) ?? data[0];
    return [
      list,
      ...(type.create ? [`${list}/new`] : []),
      ...(row ? [`${list}/${row.id}`] : []),
      ...(row && type.change ? [`${list}/${row.id}/edit`] : []),
    ];
  }

  test('the list of runs shows a very small cost, and all its digits in a title', async () => {
    const tab = await openTab(browser, howdah.url ?? '');
    await tab.page.goto(`${howdah.url}/runs`);
    const cost = tab.page.locator('td.figure').filter({ hasText: '0.000013' });
    await cost.waitFor();
    expect(await cost.locator('span').getAttribute('title')).toBe('0.0000125');
    const hidden = (cell: unknown) => {
      const { scrollWidth, clientWidth } = cell as { scrollWidth: number; clientWidth: number };
      return scrollWidth - clientWidth;
    };
    expect(await cost.evaluate(hidden)).toBe(0);
    await tab.close();
  });

  test('a phone shows when a run started, what it cost, how long it took, and what was asked', async () => {
    const viewport = { width: 360, height: 780 };
    const tab = await openTab(browser, howdah.url ?? '', { viewport });
    await tab.page.goto(`${howdah.url}/runs?agent=support`);
    const row = tab.page.locator('tbody tr').filter({ hasText: 'Ask about another order.' });
    await row.waitFor();
    const lines = (await row.innerText()).split('\n').map((line) => line.trim());
    expect(lines).toEqual(expect.arrayContaining(['completed', 'Ask about another order.']));
    expect(await row.innerText()).toMatch(/ms|s\b/);
    const places = await row.locator('td').evaluateAll(PLACES);
    expect(places.filter(({ isShown }) => isShown).map(({ place }) => place)).toEqual([
      ...['check', 'side', 'name', 'text', 'detail', 'detail', 'detail'],
    ]);
    const tops = Object.fromEntries(places.map(({ place, top }) => [place, top]));
    expect(tops.detail).toBeGreaterThan(tops.name ?? 0); // a second line
    expect(tops.text).toBeGreaterThan(tops.detail ?? 0); // and a third
    await tab.page.getByRole('button', { name: 'Filters (1)' }).click();
    await tab.page.getByRole('combobox', { name: 'Agent or workflow' }).waitFor();
    expect(tab.problems).toEqual([]);
    await tab.close();
  });

  test.each(LOOKS)('at $width px in $colorScheme colours', async ({ width, colorScheme }) => {
    const viewport = { width, height: width < 700 ? 780 : 900 };
    const tab = await openTab(browser, howdah.url ?? '', { colorScheme, viewport });
    let pending = 0;
    tab.page.on('request', () => pending++);
    tab.page.on('requestfinished', () => pending--);
    tab.page.on('requestfailed', () => pending--);
    const faults: Record<string, string[]> = {};
    const paths = await listPlaces(tab);
    const menu = await tab.page.locator('.place').evaluateAll(HREFS);
    expect(menu.filter((path) => !paths.includes(String(path)))).toEqual([]);
    for (const [index, path] of paths.entries()) {
      await tab.page.evaluate(`history.pushState(null, '', ${JSON.stringify(path)})`);
      await tab.page.getByRole('heading', { level: 1 }).first().waitFor();
      await expect.poll(() => pending, { message: path }).toBe(0);
      await expect.poll(() => tab.page.getByLabel('Loading').count(), { message: path }).toBe(0);
      await expect.poll(() => tab.page.getByText('Loading…').count(), { message: path }).toBe(0);
      await picture(
        tab.page,
        `${width}-${colorScheme}-${String(index).padStart(3, '0')}${path.replaceAll(/[^\w]+/g, '_').slice(0, 50)}`,
      );
      const found = [
        ...(await cutTexts(tab.page)).map((text) => `cut: ${text}`),
        ...(await hiddenCells(tab.page)).map((text) => `hidden: ${text}`),
        ...(await bareIds(tab.page)).map((text) => `an id without a name: ${text}`),
      ];
      if (found.length > 0) faults[path] = found;
    }
    expect(faults).toEqual({});
    expect(tab.problems).toEqual([]);
    await tab.close();
  });
});

type Cell = {
  dataset: { place?: string };
  offsetWidth: number;
  getBoundingClientRect(): { top: number };
};
const PLACES = (cells: unknown[]) =>
  (cells as Cell[]).map((cell) => ({
    place: cell.dataset.place ?? '',
    isShown: cell.offsetWidth > 0,
    top: Math.round(cell.getBoundingClientRect().top),
  }));

const HREFS = (links: { getAttribute(name: string): string | null }[]) =>
  links.map((link) => link.getAttribute('href'));
