import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type FakeServer, startOpenAiServer } from '../../../chaos/load/openai-server.ts';
import type { ApiServer } from '../../../src/api/server.ts';
import type { Worker } from '../../../workers/start-worker.ts';
import { startTestApi } from '../../api/harness.ts';
import { makeAgent } from '../../runtime/arrange.ts';
import { testDatabase } from '../../support/database.ts';
import { startTestWorker } from '../../support/worker.ts';
import { expectReadable, openTab, picture, seriousFindings, type Tab } from '../browser.ts';
import { CHROMIUM, launchChromium } from '../chromium.ts';
import { createSample } from '../sample-runs.ts';

// Conversations in a real browser: the model of `writer` is a server of this test, which decides
// when its answers end.

const HOSTILE = `<img src="https://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>
[a link](https://evil.example) javascript:alert(3)`;
const MARKDOWN = `# Your orders

1. **A-1001** is \`shipped\`
2. A-1002

| order | cents |
|---|---|
| A-1001 | 1250 |

> All is well.

\`\`\`sql
select 1 < 2;
\`\`\`

${HOSTILE} ![x](https://evil.example/x.png)`;
const POEM = 'The elephant walks, and every word of this line is written one by one.';

describe.skipIf(!CHROMIUM)('the chat', () => {
  const db = testDatabase();
  let model: FakeServer;
  let api: ApiServer;
  let worker: Worker;
  let browser: Browser;
  let tab: Tab;
  let answerEnds = Promise.withResolvers<void>();

  beforeAll(async () => {
    model = await startOpenAiServer(({ body }) => {
      const said = JSON.stringify((body.messages as unknown[]).at(-1));
      if (said.includes('markdown')) return { content: MARKDOWN };
      if (said.includes('poem')) return { content: POEM, endsAfter: answerEnds.promise };
      return { content: `Understood.\n${HOSTILE}` };
    });
    api = await startTestApi(db.url);
    worker = await startTestWorker(db.url, { openai: model.url });
    browser = await launchChromium();
    tab = await openTab(browser, api.url);
    await createSample(db.pool);
    const writer = await makeAgent(db.pool, { models: [{ provider: 'openai' }], retry_for: 0 });
    await db.pool.query(`update howdah.agents set name = 'writer' where id = $1`, [writer]);
  });
  afterAll(async () => {
    answerEnds.resolve();
    await tab?.close();
    await browser?.close();
    await worker?.stop(0);
    await api?.close();
    await model?.close();
  });

  const open = (path: string) => tab.page.goto(`${api.url}${path}`);
  const answers = () => tab.page.locator('.turn-answer');
  const choose = async (agent: string) => {
    await tab.page.getByRole('combobox', { name: 'Agent or workflow' }).click();
    await tab.page.getByRole('option', { name: agent, exact: true }).click();
  };
  const send = async (message: string) => {
    await tab.page.getByRole('textbox', { name: 'Message' }).fill(message);
    await tab.page.locator('.composer button[type=submit]:enabled').waitFor();
    await tab.page.keyboard.press('Enter');
  };

  test('a conversation begins, calls a tool that a person approves in place, and goes on', async () => {
    await open('/chat?agent=refunds');
    await send('Refund order A-1001, please.');
    await tab.page.waitForURL(/\/chat\/[0-9a-f-]{36}$/);
    await tab.page.getByText('+ 1250').first().waitFor();
    await tab.page.locator('.tool-call summary', { hasText: 'refund_order' }).click();
    expect(await seriousFindings(tab.page)).toEqual([]);
    await picture(tab.page, 'chat-approval');
    await tab.page.locator('.turns').focus();
    await tab.page.keyboard.press('a');
    await answers().getByText('The refund is on its way.').waitFor();
    await tab.page.locator('.tool-call[data-state=done]').waitFor();
    expect(await tab.page.locator('.session-list a').first().textContent()).toContain(
      'Refund order A-1001, please.',
    );
    await tab.page.getByRole('button', { name: 'Good answer' }).click();
    await tab.page.getByRole('textbox', { name: 'Why?' }).fill('Quick.');
    await tab.page.keyboard.press('Enter');
    await expect
      .poll(
        async () =>
          (await db.pool.query('select score, comment from howdah.feedback_entries')).rows,
      )
      .toEqual([{ score: 1, comment: 'Quick.' }]);
    expect(tab.problems).toEqual([]);
  });

  test('another agent answers without a reload, and reads the attached file', async () => {
    await choose('writer');
    const agent = tab.page.getByRole('combobox', { name: 'Agent or workflow' });
    await tab.page.locator('input[type=file]').setInputFiles({
      name: '<b>orders</b>.csv',
      mimeType: 'text/csv',
      buffer: Buffer.from('order,status\nA-1001,shipped'),
    });
    await send('What became of it?');
    await answers().last().getByText('onerror="alert(1)"').waitFor();
    expect(await agent.inputValue()).toBe('writer');
    expect(JSON.stringify(model.requests.at(-1)?.body)).toContain('A-1001,shipped');
    await tab.page.locator('.turn-user').last().getByText('<b>orders</b>.csv').waitFor();
    const made = 'main img, main script, main b, main .turns a[href^="http"]';
    expect(await tab.page.locator(made).count()).toBe(0);
    expect(tab.foreign).toEqual([]);
    expect(tab.problems).toEqual([]);
    await picture(tab.page, 'chat');
  });

  test('a run may use the chosen tools alone', async () => {
    await open('/chat?agent=support');
    await tab.page.getByRole('button', { name: 'All tools (1)' }).click();
    await tab.page.getByLabel('calculator').uncheck();
    await tab.page.keyboard.press('Escape');
    await send('How much is it?');
    await answers().getByText('Open the run').waitFor();
    const { rows } = await db.pool.query(
      `select overrides from howdah.executions where input = 'How much is it?'`,
    );
    expect(rows).toEqual([{ overrides: { allowed_tools: [] } }]);
    await tab.page.getByRole('combobox', { name: 'Conversations with' }).click();
    await tab.page.getByRole('option', { name: 'support', exact: true }).click();
    const listed = tab.page.locator('.session-list a');
    await expect
      .poll(() => listed.allTextContents(), { timeout: 30_000 })
      .toEqual([expect.stringContaining('How much is it?')]);
  });

  test('an answer survives a restart of the API, and two tabs show the same', async () => {
    await open('/chat?agent=writer');
    await send('Write a poem.');
    await tab.page.locator('.answer-draft', { hasText: 'one by one' }).waitFor();
    const second = await openTab(browser, api.url);
    await second.page.goto(tab.page.url());
    await second.page.locator('.answer-draft', { hasText: 'The elephant walks' }).waitFor();
    const { port } = new URL(api.url);
    await api.close();
    await tab.page.getByRole('status').getByText('Connection lost').waitFor();
    answerEnds.resolve();
    await db.pool.query('select 1');
    api = await startTestApi(db.url, { port: Number(port) });
    for (const { page } of [tab, second]) {
      await page.getByText('Open the run').waitFor();
      await page.locator('.answer-draft').waitFor({ state: 'detached' });
      expect(await page.locator('.answer .answer-text').allTextContents()).toEqual([POEM]);
    }
    await send('And now?');
    await second.page.locator('.turn-answer').nth(1).getByText('Understood.').waitFor();
    expect(await second.page.locator('.turn-user').allTextContents()).toEqual([
      'Write a poem.',
      'And now?',
    ]);
    await second.close();
    tab.problems.length = 0;
  });

  test('a run at work is stopped, and started again', async () => {
    answerEnds = Promise.withResolvers();
    await open('/chat?agent=writer');
    await send('Another poem.');
    await tab.page.locator('[role=log] [aria-live=off] .answer-draft').waitFor();
    await tab.page.getByRole('button', { name: 'Stop' }).click();
    await tab.page.locator('.answer-footer', { hasText: 'cancelled' }).waitFor();
    answerEnds.resolve();
    await tab.page.getByRole('button', { name: 'Try again' }).click();
    await answers().getByText(POEM).waitFor();
    await tab.page
      .locator('.answer-footer', { hasText: 'cancelled' })
      .waitFor({ state: 'detached' });
  });

  test('in both colours it is readable on a phone', async () => {
    const page = tab.page.url();
    const viewport = { width: 360, height: 780 };
    const phone = await openTab(browser, api.url, { viewport });
    for (const path of [page, `${api.url}/chat`]) {
      await phone.page.goto(path);
      await phone.page.getByRole('textbox', { name: 'Message' }).waitFor();
      await phone.page
        .locator(path === page ? '.answer-text' : '.inbox-line')
        .first()
        .waitFor();
      await expectReadable(phone, `chat-${path === page ? 'one' : 'new'}`);
    }
    await phone.close();
  });

  test('the Markdown of an answer is formatted, and what it links to stays text', async () => {
    await open('/chat?agent=writer');
    await send('Answer in markdown.');
    const formatted = tab.page.locator('.answer-markdown').last();
    await formatted.locator('table td', { hasText: '1250' }).waitFor();
    expect(await formatted.locator('h4').textContent()).toBe('Your orders');
    expect(await formatted.locator('ol > li strong').textContent()).toBe('A-1001');
    expect(await formatted.locator('pre').textContent()).toBe('select 1 < 2;');
    expect(await formatted.locator('a, img, script, style, [style]').count()).toBe(0);
    await formatted.getByText('![x](https://evil.example/x.png)').waitFor();
    await picture(tab.page, 'chat-markdown');
    expect(await seriousFindings(tab.page)).toEqual([]);
    expect(tab.foreign).toEqual([]);
    expect(tab.problems).toEqual([]);
  });

  test('a prompt is inserted into the message, with its placeholders', async () => {
    await db.pool.query(
      `insert into howdah.prompts (name, description, template, variables)
       values ('refund', 'Asks for a <b>refund</b>', 'Refund {{order}}, please.',
         '{"order": {"type": "string"}}')`,
    );
    await open('/chat?agent=writer');
    await tab.page.getByRole('textbox', { name: 'Message' }).fill('Hello.');
    await tab.page.getByRole('button', { name: 'Insert a prompt' }).click();
    await tab.page.getByRole('menuitem', { name: 'refund' }).waitFor();
    await picture(tab.page, 'chat-prompts');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await tab.page.getByRole('menuitem', { name: 'refund' }).click();
    expect(await tab.page.getByRole('textbox', { name: 'Message' }).inputValue()).toBe(
      'Hello.\nRefund {{order}}, please.',
    );
    expect(tab.problems).toEqual([]);
  });

  test('conversations are found by words of their messages and answers', async () => {
    await open('/chat');
    const lines = tab.page.locator('.session-list a');
    await lines.nth(2).waitFor();
    await tab.page.getByRole('searchbox', { name: 'Search for words' }).fill('elephant LINE');
    await expect.poll(() => lines.allTextContents()).toHaveLength(2);
    await picture(tab.page, 'chat-search');
    expect(await seriousFindings(tab.page)).toEqual([]);
    await lines.first().click();
    await tab.page.waitForURL(/\/chat\/[0-9a-f-]+\?q=elephant\+LINE$/);
    await tab.page.reload(); // the URL has the filter
    await expect.poll(() => lines.allTextContents()).toHaveLength(2);
    const search = tab.page.getByRole('searchbox', { name: 'Search for words' });
    expect(await search.inputValue()).toBe('elephant LINE');
    await search.fill('giraffe');
    await tab.page.getByText('None of the newest 1,000 conversations').waitFor();
    expect(tab.problems).toEqual([]);
  });
});
