import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../src/api/server.ts';
import type { Worker } from '../../workers/start-worker.ts';
import { startTestApi, until } from '../api/harness.ts';
import { makeAgent } from '../runtime/arrange.ts';
import { testDatabase } from '../support/database.ts';
import { startTestWorker } from '../support/worker.ts';
import { openTab, picture, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { createSample, type Sample } from './sample-runs.ts';

// Five tasks of a person who sees the console for the first time. Each begins at the first page and
// uses only what the screen says. The clicks are counted: more of them mean a longer way.

/** Counts the clicks and typed texts of a task. */
class Visitor {
  clicks = 0;
  texts = 0;
  readonly #startedAt = performance.now();
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  async click(target: Locator): Promise<void> {
    await target.click();
    this.clicks += 1;
  }

  /** Types into a field that was clicked or that has the focus. */
  async type(target: Locator, text: string): Promise<void> {
    await target.fill(text);
    this.texts += 1;
  }

  async choose(field: Locator, option: string): Promise<void> {
    await this.click(field);
    await this.click(this.page.getByRole('option', { name: option }).first());
  }

  place(name: string): Promise<void> {
    return this.click(this.page.getByRole('navigation').getByRole('link', { name, exact: true }));
  }

  /** Ends the task. With pictures, prints what it took; time is that of the pages alone. */
  async end(name: string): Promise<void> {
    const seconds = ((performance.now() - this.#startedAt) / 1_000).toFixed(1);
    await picture(this.page, `task-${name}`);
    if (!process.env.HOWDAH_TEST_PICTURES) return;
    console.info(`${name}: ${this.clicks} clicks, ${this.texts} texts, ${seconds} s`);
  }
}

describe.skipIf(!CHROMIUM)('somebody who sees the console for the first time', () => {
  const db = testDatabase();
  let model: FakeServer;
  let api: ApiServer;
  let worker: Worker;
  let browser: Browser;
  let tab: Tab;
  let sample: Sample;

  beforeAll(async () => {
    model = await startOpenAiServer(({ body: { messages } }) => ({
      content: `Told: ${JSON.stringify((messages as unknown[])[0])}`,
    }));
    api = await startTestApi(db.url);
    worker = await startTestWorker(db.url, { openai: model.url });
    browser = await launchChromium();
    tab = await openTab(browser, api.url);
    sample = await createSample(db.pool);
    const writer = await makeAgent(db.pool, {
      models: [{ provider: 'openai', input_price: 3, output_price: 15 }],
      instruction: 'Write long sentences.',
      retry_for: 0,
    });
    await db.pool.query(`update howdah.agents set name = 'writer' where id = $1`, [writer]);
    await db.pool.query(`update howdah.agents set instruction = 'Be brief.' where id = $1`, [
      writer,
    ]);
    await sample.run('support', 'What is the total?');
    await sample.run('broken', 'Where is my order?');
    await sample.run('refunds', 'Refund 12.50 of order A-1001.');
    await until(async () => {
      const { rows } = await db.pool.query(
        `select array_agg(status::text order by created_at) as all from howdah.executions`,
      );
      return rows[0].all.join() === 'completed,failed,waiting';
    });
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await worker?.stop(0);
    await api?.close();
    await model?.close();
  });

  async function begin(): Promise<Visitor> {
    await tab.page.goto(api.url);
    await tab.page
      .getByRole('region', { name: 'Failed lately' })
      .getByRole('link')
      .first()
      .waitFor();
    return new Visitor(tab.page);
  }

  test('finds out why a run failed', async () => {
    const visitor = await begin();
    await visitor.click(tab.page.getByRole('region', { name: 'Failed lately' }).getByRole('link'));
    await tab.page
      .getByRole('main')
      .getByText(/script/i)
      .first()
      .waitFor();
    expect(visitor.clicks).toBe(1);
    await visitor.end('why-failed');
  });

  test('starts a run and watches it', async () => {
    const visitor = await begin();
    await visitor.choose(tab.page.getByRole('combobox', { name: 'Agent' }), 'support');
    await visitor.type(tab.page.getByRole('textbox', { name: 'Message' }), 'And in total?');
    await visitor.click(tab.page.getByRole('button', { name: 'Start a run' }));
    await visitor.click(tab.page.getByRole('link', { name: /Watch it step by step$/ }));
    await tab.page.locator('.run-facts .status', { hasText: 'completed' }).waitFor();
    await tab.page.getByRole('main').getByText('And in total?').first().waitFor();
    expect(visitor.clicks).toBe(4);
    await visitor.end('watch');
  });

  test('opens the inbox, and reads at once what the newest entry would do', async () => {
    await begin();
    await tab.page
      .getByRole('navigation')
      .getByRole('link', { name: /^Inbox/ })
      .click();
    await tab.page.waitForURL(/\/inbox\/[0-9a-f-]{36}$/);
    await tab.page.getByRole('heading', { name: 'Approve refund_order?', exact: true }).waitFor();
    const call = tab.page.locator('.value-fields dd');
    expect(await call.allInnerTexts()).toEqual(expect.arrayContaining(['A-1001', '1250']));
  });

  test('approves a call after reading which row it changes', async () => {
    const visitor = await begin();
    await visitor.click(
      tab.page.getByRole('region', { name: 'Waiting for a person' }).getByRole('link').first(),
    );
    await tab.page.getByRole('main').getByText('refunded_cents').first().waitFor();
    await tab.page.getByRole('main').getByText('1250').first().waitFor();
    await visitor.click(tab.page.getByRole('button', { name: /^Approve/ }));
    await expect
      .poll(async () => {
        const { rows } = await db.pool.query(
          `select refunded_cents from sample_shop.orders where order_no = 'A-1001'`,
        );
        return rows[0].refunded_cents;
      })
      .toBe(1250);
    expect(visitor.clicks).toBe(2);
    await visitor.end('approve');
  });

  test('compares two versions of an agent in the playground', async () => {
    const visitor = await begin();
    const column = (place: number) => tab.page.getByRole('region', { name: `Column ${place}` });
    await visitor.place('Playground');
    await visitor.choose(column(1).getByRole('combobox').first(), 'writer');
    await visitor.click(tab.page.getByRole('button', { name: 'Add a column' }));
    await visitor.choose(column(2).getByRole('combobox', { name: 'Version' }), '1');
    await visitor.type(tab.page.getByRole('textbox', { name: 'Message' }), 'What is a whale?');
    await visitor.click(tab.page.locator('.composer button[type=submit]'));
    await column(1)
      .getByText(/Told: .*Be brief\./)
      .waitFor();
    await column(2)
      .getByText(/Told: .*Write long sentences\./)
      .waitFor();
    expect(visitor.clicks).toBeLessThanOrEqual(7);
    await visitor.end('compare-versions');
  });

  test('sees what costs most this week', async () => {
    const visitor = await begin();
    await visitor.place('Costs');
    await visitor.click(tab.page.getByText('7 days', { exact: true }));
    const first = tab.page.getByRole('main').locator('tbody tr').first();
    await first
      .getByText(/support|writer|refunds/)
      .first()
      .waitFor();
    expect(visitor.clicks).toBe(2);
    await visitor.click(tab.page.getByText('Yesterday', { exact: true }));
    const { searchParams } = new URL(tab.page.url());
    expect(searchParams.get('since')).toBe(searchParams.get('until'));
    await tab.page.getByText('Nothing was used in this time.').first().waitFor();
    await visitor.end('costs');
  });

  test('saves a view of failed runs, and its URL shows the same to another person', async () => {
    const visitor = await begin();
    await visitor.place('Runs');
    await visitor.choose(tab.page.getByRole('combobox', { name: 'Status' }), 'failed');
    await visitor.click(tab.page.getByRole('button', { name: 'Views', exact: true }));
    await visitor.click(tab.page.getByRole('menuitem', { name: 'Save this filter…' }));
    await visitor.type(tab.page.getByLabel('Name'), 'Failures');
    await visitor.click(tab.page.getByRole('button', { name: 'Save the view' }));
    await tab.page.getByRole('button', { name: 'View: Failures' }).waitFor();
    expect(visitor.clicks).toBeLessThanOrEqual(6);
    await visitor.end('save-view');
    const other = await openTab(browser, api.url);
    await other.page.goto(tab.page.url());
    await other.page.getByRole('link', { name: 'broken' }).waitFor();
    await other.page.getByRole('button', { name: 'View: Failures' }).waitFor();
    expect(await other.page.locator('.row-link').count()).toBe(1);
    await other.close();
    expect(tab.problems).toEqual([]);
  });
});
