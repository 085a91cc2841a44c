import type { Browser, CDPSession } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Howdah } from '../../src/index.ts';
import { startHowdah } from '../embedding/start-howdah.ts';
import { testDatabase } from '../support/database.ts';
import { openTab, picture, type Tab } from './browser.ts';
import { CHROMIUM, launchChromium } from './chromium.ts';
import { createSample } from './sample-runs.ts';

// The page of a run with 2,001 steps and 1,150 messages: what it asks, and what it draws.

const STEPS = 2_001;
const MESSAGES = 1_150;

/** Writes the log of a run by hand, since no agent needs so many steps. */
const LONG_LOG = `
  with step as (
    insert into howdah.steps (execution_id, seq, tenant_id, kind, name, input, output, tokens_in,
      tokens_out, started_at, finished_at)
    select e.id, n, e.tenant_id,
      case when n = ${STEPS} then 'output' when n % 2 = 1 then 'model' else 'tool' end::howdah.step_kind,
      case when n % 2 = 0 then 'calculator' end, jsonb_build_object('expression', n || ' * 2'),
      to_jsonb(2 * n), case when n % 2 = 1 then 100 else 0 end, case when n % 2 = 1 then 10 else 0 end,
      e.created_at + n * interval '100 ms', e.created_at + (n * 100 + 80) * interval '1 ms'
    from howdah.executions as e cross join generate_series(1, ${STEPS}) as n
    where e.id = $1 and n > e.step_count
  ), message as (
    insert into howdah_private.message_log (execution_id, seq, tenant_id, step_seq, role, content, trust)
    select e.id, n, e.tenant_id, n - 1, 'assistant', 'Message ' || n, 'internal'
    from howdah.executions as e cross join generate_series(1, ${MESSAGES}) as n
    where e.id = $1 and n > e.message_count
  )
  update howdah.executions as e
  set step_count = ${STEPS}, message_count = ${MESSAGES}
  where e.id = $1`;

describe.skipIf(!CHROMIUM)('a run of 2,001 steps', () => {
  const db = testDatabase({ violates: true }); // the log is written by hand
  let howdah: Howdah;
  let browser: Browser;
  let url: string;
  let tab: Tab;
  let id: string;

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    url = howdah.url ?? '';
    browser = await launchChromium();
    tab = await openTab(browser, url);
    const sample = await createSample(db.pool);
    [id = ''] = await sample.runsOfTomorrow(1, {});
    await db.pool.query(LONG_LOG, [id]);
    // an ended run has no news, so the requests can be counted
    await db.pool.query('select from howdah.cancel_execution($1)', [id]);
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  const nodes = () => tab.page.evaluate('document.querySelectorAll("*").length') as Promise<number>;

  test('asks for its steps a thousand at a time, and draws the visible lines alone', async () => {
    const asked: string[] = [];
    tab.page.on('request', (request) => {
      const name = /^(?:query|mutation) (\w+)/.exec(request.postDataJSON()?.query ?? '')?.[1];
      if (request.url().endsWith('/graphql') && name) asked.push(name);
    });
    await tab.page.goto(`${url}/runs/${id}`);
    const { rows } = await db.pool.query('select step_count from howdah.executions where id = $1', [
      id,
    ]);
    const height = (rows[0].step_count + 1) * 30; // with the line of the run
    await tab.page.locator(`.waterfall ul[style*="height: ${height}px"]`).waitFor();
    const lines = tab.page.locator('.line');
    expect(await lines.count()).toBeLessThan(60);
    expect(await nodes()).toBeLessThan(1_500);
    expect(asked.filter((name) => name === 'RunSteps')).toHaveLength(1);
    expect(asked.filter((name) => name === 'StepsAfter')).toHaveLength(2);
    expect(asked.length, asked.join()).toBeLessThan(12);
    await tab.page.evaluate(`document.querySelector('.waterfall-body').scrollTo(0, ${STEPS * 30})`);
    await lines.filter({ hasText: 'output' }).waitFor();
    expect(await lines.count()).toBeLessThan(60);
    await picture(tab.page, 'long-run');
    await report('timeline');
  });

  test('shows all messages, a page at a time', async () => {
    await tab.page.goto(`${url}/runs/${id}?tab=messages`);
    const articles = tab.page.locator('article.message');
    const more = tab.page.getByRole('button', { name: 'Load more messages' });
    for (let shown = 100; shown < MESSAGES; shown += 100) {
      await articles.nth(shown - 1).waitFor({ state: 'attached' });
      await more.click();
    }
    await articles.nth(MESSAGES - 1).waitFor({ state: 'attached' });
    await more.waitFor({ state: 'detached' });
    expect(await articles.count()).toBe(MESSAGES);
    expect(tab.problems).toEqual([]);
    await report('messages');
  });

  /** Prints what the page costs the browser, for the documents. Nothing is asserted of it. */
  async function report(name: string): Promise<void> {
    if (!process.env.HOWDAH_TEST_PICTURES) return;
    const session: CDPSession = await tab.page.context().newCDPSession(tab.page);
    await session.send('HeapProfiler.collectGarbage');
    const { usedSize } = await session.send('Runtime.getHeapUsage');
    const paint = await tab.page.evaluate(
      'performance.getEntriesByName("first-contentful-paint")[0]?.startTime',
    );
    console.info(name, { nodes: await nodes(), heapMB: usedSize / 1e6, firstPaintMs: paint });
    await session.detach();
  }
});
