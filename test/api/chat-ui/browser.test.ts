import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { servePage } from '../../../examples/chat/serve.ts';
import { CHROMIUM, launchChromium } from '../../console/chromium.ts';
import { type OpenAiFixture, openOpenAiFixture } from '../openai/support.ts';
import { makeCautiousAgent } from './support.ts';

// Opens the page of examples/chat, which uses the real useChat, in a browser.

describe.skipIf(!CHROMIUM)('a page with useChat', () => {
  let fixture: OpenAiFixture;
  let page: Page;
  let browser: Browser;
  let site: Awaited<ReturnType<typeof servePage>>;
  const problems: string[] = [];
  beforeAll(async () => {
    fixture = await openOpenAiFixture();
    site = await servePage({ howdah: fixture.api.url });
    browser = await launchChromium();
    page = await (await browser.newContext({ viewport: { width: 800, height: 700 } })).newPage();
    page.on('console', (one) => one.type() === 'error' && problems.push(one.text()));
    page.on('pageerror', (error) => problems.push(error.message));
  });
  afterAll(async () => {
    await browser?.close();
    site?.close();
    await fixture?.close();
  });

  const open = (id: string, agent: string) => page.goto(`${site.url}/?id=${id}&agent=${agent}`);
  const send = async (text: string) => {
    await page.getByLabel('Message').fill(text);
    await page.getByRole('button', { name: 'Send' }).click();
  };
  /** Saves a screenshot if the environment requests it. */
  const picture = async (name: string) => {
    const folder = process.env.HOWDAH_TEST_PICTURES;
    if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
  };

  test('asks for an approval, shows it again after a reload, and continues', async () => {
    const id = crypto.randomUUID();
    await open(id, await makeCautiousAgent(fixture));
    await send('What is 6 * 7?');
    const approve = page.getByRole('button', { name: 'Approve' });
    await approve.waitFor();
    await picture('approval');
    await page.reload();
    await approve.click();
    await page.getByText('Heard:').waitFor();
    await picture('approved');
    expect(await page.getByLabel('calculator').textContent()).toContain('output-available');
    expect(await page.locator('article.assistant').count()).toBe(1);
    expect(problems).toEqual([]);
  });

  test('streams an answer while it is generated, and shows an error as a text', async () => {
    const agent = await fixture.agent(() => ({ content: 'Good day to you.' }));
    await open(crypto.randomUUID(), agent);
    await send('Hello.');
    await page.getByText('Good day to you.').waitFor();
    await page.getByRole('button', { name: 'Regenerate' }).click();
    await expect.poll(() => fixture.messagesOf(agent).length).toBe(2);
    await page.getByText('Good day to you.').waitFor();
    expect(await page.locator('article').count()).toBe(2);
    expect(problems).toEqual([]);

    await open(crypto.randomUUID(), 'nobody-here');
    await send('Hello.');
    const alert = await page.getByRole('alert').textContent();
    expect(alert).toContain('nobody-here');
    expect(alert).not.toContain('{');
    problems.length = 0; // the browser reports the status 404
  });
});
