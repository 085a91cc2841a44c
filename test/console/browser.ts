import { join } from 'node:path';
import { type AxeResults, source } from 'axe-core';
import type { Pool } from 'pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { expect } from 'vitest';
import { one } from '../sql/support.ts';

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
 * Opens a tab that has an API key of a role, as if the key had been typed at the login. Its page is
 * blank until the test opens one.
 */
export async function openTabAs(
  browser: Browser,
  url: string,
  pool: Pool,
  { role, userId = null }: { role: string; userId?: string | null },
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Tab> {
  const { key } = await one<{ key: string }>(
    pool,
    `select key from howdah.create_api_key('console', $1, null, now() + interval '1 day', $2)`,
    [role, userId],
  );
  const tab = await openTab(browser, url, options);
  await tab.page.addInitScript(`sessionStorage.setItem('howdah.key', ${JSON.stringify(key)})`);
  return tab;
}

/**
 * Waits until two frames begin no transition: what is measured in one frame moves in the next. Asks
 * in each frame: Chromium draws none for a transition that nobody sees, which would not end. Fails
 * after 30 s, and says what it waited for.
 */
const WAIT_FOR_TRANSITIONS = `(() => {
  let isLate = false;
  let running = [];
  const frame = () => new Promise(requestAnimationFrame);
  const rest = async () => {
    let framesAtRest = 0;
    while (!isLate && framesAtRest < 2) {
      await frame();
      running = document.getAnimations().filter(({ effect, playState }) =>
        playState === 'running' && effect.getComputedTiming().endTime !== Infinity);
      framesAtRest = running.length === 0 ? framesAtRest + 1 : 0;
    }
  };
  const end = new Promise((_, reject) => setTimeout(() => {
    isLate = true;
    const names = running.slice(0, 5).map(({ effect, animationName, transitionProperty }) =>
      (animationName ?? transitionProperty) + ' of ' + effect.target?.outerHTML.slice(0, 150));
    reject(new Error('waited 30 s for frames (the page is ' + document.visibilityState + ') or for '
      + running.length + ' transitions: ' + names));
  }, 30_000));
  return Promise.race([rest(), end]);
})()`;

/**
 * Returns the serious findings of axe about the page. Waits for the end of transitions: text that
 * fades in has too little contrast until then. axe runs in the page, which has no frames, because
 * its package for Playwright opens another page for each result.
 */
export async function seriousFindings(page: Page): Promise<string[]> {
  await page.bringToFront(); // a page behind another one has no frames
  await page.evaluate(WAIT_FOR_TRANSITIONS);
  await page.evaluate(`window.axe ?? (() => { ${source} })()`);
  const violations: AxeResults['violations'] = await page.evaluate(
    `axe.run({ resultTypes: ['violations'] }).then(({ violations }) => violations)`,
  );
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 150)).join(' | ')}`);
}

/** Saves a screenshot if the environment requests it. */
export async function picture(page: Page, name: string): Promise<void> {
  const folder = process.env.HOWDAH_TEST_PICTURES;
  if (folder) await page.screenshot({ path: join(folder, `${name}.png`) });
}

/**
 * Expects that the page of a tab can be read in light and in dark colours: axe finds nothing
 * serious, and no part lies beside the window. Saves a screenshot of each if the environment
 * requests it.
 */
export async function expectReadable({ page }: Tab, name: string): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    const look = `${name}-${colorScheme}`;
    await page.emulateMedia({ colorScheme });
    expect(await seriousFindings(page), look).toEqual([]);
    const isWide = 'document.documentElement.scrollWidth > window.innerWidth';
    expect(await page.evaluate(isWide), look).toBe(false);
    await picture(page, look);
  }
}
