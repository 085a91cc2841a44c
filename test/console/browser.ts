import { join } from 'node:path';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, BrowserContext, Page } from 'playwright-core';

/** A tab, and what the browser complained about: violations of the policy, errors of scripts. */
export type Tab = { page: Page; problems: string[]; foreign: string[]; close(): Promise<void> };

/** Opens a tab with a storage of its own. */
export async function openTab(
  browser: Browser,
  url: string,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Tab> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    reducedMotion: 'reduce', // menus and dialogs do not fade in
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  const problems: string[] = [];
  const foreign: string[] = [];
  page.on('console', (one) => one.type() === 'error' && problems.push(one.text()));
  page.on('pageerror', (error) => problems.push(error.message));
  page.on('dialog', (dialog) => {
    problems.push(`a dialog: ${dialog.message()}`);
    void dialog.dismiss();
  });
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) {
      foreign.push(request.url());
    }
  });
  return { page, problems, foreign, close: () => context.close() };
}

/**
 * Returns the serious findings of axe about the page. Waits for the end of transitions: text that
 * fades in has too little contrast until then.
 */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.evaluate(
    `Promise.allSettled(document.getAnimations()
       .filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity)
       .map(({ finished }) => finished)).then(() => undefined)`,
  );
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(' | ')}`);
}

/** Saves a screenshot if the environment requests it. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.HOWDAH_TEST_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}
