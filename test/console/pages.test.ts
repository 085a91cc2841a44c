import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Howdah } from '../../src/index.ts';
import { startHowdah } from '../embedding/start-howdah.ts';
import { HOSTILE_STRINGS } from '../fixtures/hostile-strings.ts';
import { testDatabase } from '../support/database.ts';
import { expectReadable, openTab, picture, seriousFindings, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { createSample, type Sample } from './sample-runs.ts';

// The console in a real browser, against a real server with a worker.

/** Words that would do something in a careless page. */
const WORDS = [
  ...Object.values(HOSTILE_STRINGS).filter((text) => /[<&]|javascript:/.test(text)),
  `<img src="https://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>`,
  '[a link](https://evil.example) ![an image](https://evil.example/y.png)',
].join('\n');

describe.skipIf(!CHROMIUM)('the console', () => {
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
    sample = await createSample(db.pool, WORDS);
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  const open = (path: string) => tab.page.goto(`${url}${path}`);
  const seen = (text: string | RegExp) => tab.page.getByText(text).first().waitFor();

  test('an empty database shows how to start, and the first run appears live', async () => {
    await open('/');
    await tab.page.getByRole('heading', { name: 'Start your first run' }).waitFor();
    await seen('Waiting for the first run…');
    await picture(tab.page, 'first-run');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('button', { name: 'Start a run' }).click();
    await tab.page.getByRole('status').getByText('Your run is a row').waitFor();
    await tab.page.locator('.row-link').first().click();
    await tab.page.waitForURL(/\/runs\/[0-9a-f-]{36}$/);
    await tab.page.locator('.line').nth(1).waitFor();
    expect(tab.problems).toEqual([]);
  });

  test('a run in the database appears in the list, and its page follows it to the end', async () => {
    await open('/runs');
    const id = await sample.run('lead', 'Ask support.');
    await tab.page.locator(`.row-link[href$="${id}"]`).click();
    await tab.page.locator('.facts .status', { hasText: 'completed' }).waitFor();
    await tab.page.locator('.line', { hasText: 'output' }).nth(1).waitFor();
    await tab.page.locator('.line', { hasText: 'tool calculator' }).click();
    await tab.page.getByRole('heading', { name: 'Step 2: tool calculator' }).waitFor();
    expect(tab.page.url()).toMatch(new RegExp(`/runs/${id}/2\\?of=`));
    await tab.page.reload();
    await tab.page.getByRole('heading', { name: 'Step 2: tool calculator' }).waitFor();
    expect(await seriousFindings(tab.page)).toEqual([]);
    await picture(tab.page, 'step');
    expect(tab.problems).toEqual([]);
  });

  test('words of models are text: nothing runs, and nothing is loaded from elsewhere', async () => {
    const id = await sample.run('support', WORDS.replaceAll('\0', ''));
    await open(`/runs/${id}?tab=messages`);
    await seen(/onerror="alert\(1\)"/);
    await open(`/runs/${id}?tab=content`);
    await seen(/onerror="alert\(1\)"/);
    await open('/runs');
    await tab.page.locator(`.row-link[href$="${id}"]`).waitFor();
    expect(await tab.page.locator('main img, main script, main a[href^="http"]').count()).toBe(0);
    expect(tab.foreign).toEqual([]);
    expect(tab.problems).toEqual([]);
  });

  test('a fork from a step has its own page, and the original stays', async () => {
    const id = await sample.run('support', 'Fork me.');
    await open(`/runs/${id}`);
    await tab.page.locator('.facts .status', { hasText: 'completed' }).waitFor();
    await tab.page.locator('.line', { hasText: 'tool calculator' }).click();
    await tab.page.getByRole('button', { name: 'Fork from here' }).click();
    await tab.page.getByLabel('Message to add').fill('And in words?');
    await tab.page.getByRole('button', { name: 'Start the fork' }).click();
    await seen('Forked at step 2 of');
    expect(tab.page.url()).not.toContain(id);
  });

  test('a fork from a step of a run below is a fork of that run', async () => {
    const id = await sample.run('lead', 'Ask support, to fork.');
    await open(`/runs/${id}`);
    await tab.page.locator('.facts .status', { hasText: 'completed' }).waitFor();
    await tab.page.locator('.line', { hasText: 'tool calculator' }).click();
    const child = new URL(tab.page.url()).searchParams.get('of') ?? '';
    await tab.page.getByRole('button', { name: 'Fork from here' }).click();
    await tab.page.getByRole('button', { name: 'Start the fork' }).click();
    await seen('Forked at step 2 of');
    expect(await tab.page.locator(`.fact a[href$="${child}"]`).count()).toBe(1);
  });

  test('the second page of a list that is followed has the older runs', async () => {
    const older = await sample.runsOfTomorrow(55, { page: 2 });
    await open(`/runs?metadata=${encodeURIComponent('{"page":2}')}`);
    const links = tab.page.locator('.row-link');
    await links.nth(49).waitFor();
    const [newest] = await sample.runsOfTomorrow(1, { page: 2 });
    await tab.page.locator(`.row-link[href$="${newest}"]`).waitFor();
    await tab.page.getByRole('button', { name: 'Older runs' }).click();
    await tab.page.locator(`.row-link[href$="${older.toSorted()[0]}"]`).waitFor();
    expect(await links.count()).toBe(5);
  });

  test('the key A approves a call whose changes are shown', async () => {
    await sample.run('refunds', 'Refund it.');
    await open('/inbox');
    await tab.page.locator('.inbox-line', { hasText: 'refund_order' }).click();
    await seen('+ 1250');
    expect(await tab.page.title()).toMatch(/^\(\d+\) Inbox/);
    expect(await seriousFindings(tab.page)).toEqual([]);
    await picture(tab.page, 'approval');
    expect(await tab.page.locator('main [aria-live]').count()).toBe(0);
    await tab.page.keyboard.press('a');
    await tab.page
      .getByRole('status')
      .filter({ hasText: /^Answered by .*: approve$/ })
      .waitFor();
    const { rows } = await db.pool.query(
      `select answer from howdah.questions where kind = 'approval'`,
    );
    expect(rows).toEqual([{ answer: 'approve' }]);
    tab.problems.length = 0;
  });

  test('a call is approved with changed arguments by keys alone', async () => {
    await sample.run('refunds', 'Refund less.');
    await open('/inbox');
    await tab.page.locator('.inbox-line', { hasText: 'refund_order' }).waitFor();
    await tab.page.keyboard.press('j');
    await tab.page.getByRole('button', { name: /^Approve/ }).waitFor();
    await tab.page.keyboard.press('e');
    await tab.page.locator('textarea:focus').waitFor();
    await tab.page.keyboard.press('Escape');
    await tab.page.getByRole('button', { name: /^Edit/ }).waitFor();
    await tab.page.keyboard.press('e');
    await tab.page.locator('textarea:focus').waitFor();
    await tab.page.keyboard.press('Control+a');
    await tab.page.keyboard.insertText('{"order_no": "A-1002", "cents": 900}');
    await tab.page.keyboard.press('Control+Enter');
    await tab.page
      .getByRole('status')
      .filter({ hasText: /^Answered by .*: approve$/ })
      .waitFor();
    await expect
      .poll(async () => {
        const { rows } = await db.pool.query(
          `select refunded_cents from sample_shop.orders where order_no = 'A-1002'`,
        );
        return rows[0].refunded_cents;
      })
      .toBe(900);
    tab.problems.length = 0;
  });

  test('a question is answered by one of its options', async () => {
    await sample.run('florist', 'Flowers.');
    await open('/inbox');
    await tab.page.locator('.inbox-line', { hasText: 'florist' }).click();
    await tab.page.getByLabel('tulips').check();
    await tab.page.getByRole('button', { name: 'Send the answer' }).click();
    await seen(/^Answered by .*: tulips$/);
    expect(tab.foreign).toEqual([]);
  });

  test('a filter is in the URL, and an empty list names what emptied it', async () => {
    await open('/runs?status=cancelled&agent=support');
    await seen('No run matches the filter: Status, Agent or workflow.');
    await tab.page.getByRole('button', { name: 'Clear the filter' }).click();
    await tab.page.locator('.row-link').first().waitFor();
    expect(new URL(tab.page.url()).search).toBe('');
  });

  test('a hidden tab follows nothing, and a visible one goes on', async () => {
    await open('/runs');
    const state = tab.page.getByRole('status');
    await state.getByText('Live', { exact: true }).waitFor();
    const become = (visibility: string) =>
      tab.page.evaluate(`
        Object.defineProperty(document, 'visibilityState',
          { configurable: true, get: () => '${visibility}' });
        document.dispatchEvent(new Event('visibilitychange'))`);
    await become('hidden');
    await state.getByText('Not live').waitFor();
    const id = await sample.run('support', 'Unseen.');
    await become('visible');
    await tab.page.locator(`.row-link[href$="${id}"]`).waitFor();
  });

  test('Cmd-K goes to a place', async () => {
    await open('/runs');
    await tab.page.locator('.row-link').first().waitFor();
    await tab.page.keyboard.press('Control+k');
    await tab.page.getByRole('textbox', { name: /Search places/ }).fill('inbox');
    await tab.page.keyboard.press('Enter');
    await tab.page.waitForURL(`${url}/inbox`);
  });

  test('what loads is named for those who cannot see it turn', async () => {
    const slow = await openTab(browser, url);
    const release = Promise.withResolvers<void>();
    await slow.page.route('**/graphql', (route) => release.promise.then(() => route.continue()));
    for (const place of ['/', '/runs', '/inbox']) {
      await slow.page.goto(`${url}${place}`);
      await slow.page.getByRole('progressbar', { name: 'Loading' }).first().waitFor();
      expect(await seriousFindings(slow.page), place).toEqual([]);
    }
    release.resolve();
    await slow.close();
  });

  test('what makes a page hard to read is found', async () => {
    const other = await openTab(browser, url);
    await other.page.setContent(
      '<html lang="en"><title>A</title><p style="color: #ddd">pale</p></html>',
    );
    expect(await seriousFindings(other.page)).toEqual([
      expect.stringMatching(/^color-contrast: .*pale/),
    ]);
    await other.close();
  });

  test('in both colours, each place is accessible', async () => {
    const phone = await openTab(browser, url, {
      viewport: { width: 360, height: 780 },
    });
    for (const place of ['/', '/runs', '/inbox']) {
      await phone.page.goto(`${url}${place}`);
      await phone.page.getByRole('heading', { level: 1 }).waitFor();
      await expectReadable(phone, `phone${place.replaceAll('/', '-')}`);
    }
    expect(phone.problems).toEqual([]);
    await phone.close();
  });
});
