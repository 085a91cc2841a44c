import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Howdah } from '../../../src/index.ts';
import { startHowdah } from '../../embedding/start-howdah.ts';
import { callTools, makeAgent, runToEnd } from '../../runtime/arrange.ts';
import { one } from '../../sql/support.ts';
import { eventually, testDatabase } from '../../support/database.ts';
import { openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';

// The sources of an answer and the feedback on it, on the page of the run.

describe.skipIf(!CHROMIUM)('the page of a run with citations', () => {
  const db = testDatabase();
  let howdah: Howdah;
  let browser: Browser;
  let tab: Tab;
  let run: string;
  let document: string;

  beforeAll(async () => {
    howdah = await startHowdah(db.url, { auth: 'none', port: 0 });
    browser = await launchChromium();
    tab = await openTab(browser, howdah.url ?? '');
    await db.pool.query(
      `insert into howdah.knowledge_bases (name) values ('handbook');
       insert into howdah.documents (knowledge_base_id, title, content) values
         (howdah.knowledge_base('handbook'), 'Refunds',
           E'# Terms\n\nA refund is possible within 30 days.\n\n# Costs\n\nA refund costs nothing.')`,
    );
    await untilDivided();
    const chunk = await one<{ number: number; id: string }>(
      db.pool,
      `select number::int, document_id as id from howdah.chunks where content like '%30 days%'`,
    );
    document = chunk.id;
    const search = callTools({ name: 'knowledge_search', arguments: { query: 'refund days' } });
    const words = `It is 🐘 possible “within 30 days” [^${chunk.number}].`;
    const agent = await makeAgent(db.pool, {
      ...{ script: [search, { content: words }], tools: ['knowledge_search'] },
    });
    await db.pool.query(
      `insert into howdah.agent_knowledge_bases (agent_id, knowledge_base_id)
       values ($1, howdah.knowledge_base('handbook'))`,
      [agent],
    );
    run = (await runToEnd(db.pool, agent)).id;
  });
  afterAll(async () => {
    await tab?.close();
    await browser?.close();
    await howdah?.close();
  });

  const untilDivided = () =>
    eventually(
      db.pool,
      'the documents are divided',
      `select from howdah.documents having bool_and(status = 'ready')`,
      [],
    );
  const sources = () => tab.page.getByRole('region', { name: 'Sources' });
  const check = async (name: string) => {
    await picture(tab.page, name);
    expect(await seriousFindings(tab.page)).toEqual([]);
    expect(tab.problems).toEqual([]);
  };

  test('a citation shows its quote and its text, and leads to the chunk', async () => {
    await tab.page.goto(`${howdah.url}/runs/${run}?tab=content`);
    await sources().getByText('Quote: “within 30 days”').waitFor();
    await sources().getByText('A refund is possible within 30 days.').waitFor();
    expect(await sources().getByText('no longer has this text').count()).toBe(0);
    expect(await sources().getByText(/^page/).count()).toBe(0); // a text has no pages
    await check('run-sources');
    await sources().getByRole('link', { name: 'Refunds › Terms' }).click();
    await tab.page.waitForURL(new RegExp(`/knowledge/handbook/documents/${document}\\?chunk=1$`));
    await tab.page.locator('.chunk[data-selected]').getByText('within 30 days').waitFor();
  });

  test('the page of a chunk of a file is named', async () => {
    await db.pool.query('update howdah.chunks set page = 7 where document_id = $1', [document]);
    await tab.page.goto(`${howdah.url}/runs/${run}?tab=content`);
    await sources().getByText('page 7').waitFor();
    expect(tab.problems).toEqual([]);
  });

  test('a citation of a text that has changed is marked', async () => {
    await db.pool.query(
      `update howdah.documents set content = 'A refund is possible within 60 days.' where id = $1`,
      [document],
    );
    await untilDivided();
    await tab.page.goto(`${howdah.url}/runs/${run}?tab=content`);
    await sources().getByText('the document no longer has this text').waitFor();
    await sources().getByText('A refund is possible within 30 days.').waitFor();
    await check('run-sources-stale');
    await tab.page.setViewportSize({ width: 360, height: 780 });
    await check('run-sources-phone');
    const isWide = 'document.documentElement.scrollWidth > window.innerWidth';
    expect(await tab.page.evaluate(isWide)).toBe(false);
    await tab.page.setViewportSize({ width: 1440, height: 900 });
  });

  test('feedback says from whom it is, and whether it counts', async () => {
    await db.pool.query(
      `insert into howdah.feedback_entries
         (execution_id, score, comment, created_by, source, is_reward)
       values ($1, 1, 'Fine.', 'Ada', 'person', true), ($1, 0, 'Well.', 'robot', 'agent', false)`,
      [run],
    );
    await tab.page.goto(`${howdah.url}/runs/${run}`);
    const entry = (words: string) => tab.page.locator('.feedback', { hasText: words });
    await entry('Fine.')
      .getByText(/Ada \(a person\).*counts as a reward/)
      .waitFor();
    await entry('Well.')
      .getByText(/robot \(an agent\).*does not count as a reward/)
      .waitFor();
    await check('run-feedback');
  });
});
