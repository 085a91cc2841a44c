import type { Browser } from 'playwright-core';
import { generateHistory } from '../../src/db/sample-history/generate.ts';
import type { BenchContext } from '../bench.ts';
import { countAllUsage } from '../data/history.ts';
import { dataSize } from '../data-sizes.ts';
import { type Figure, figure } from '../figures.ts';
import { startApiProcess } from '../processes/api.ts';
import type { BenchDatabase } from '../server.ts';

const RUNS = dataSize('CONSOLE_RUNS');
const FEW_RUNS = 1_000;

/** Each place with the element that it shows when its rows are there. */
const PLACES = {
  home: { path: '/', shown: '.row-link' },
  runs: { path: '/runs', shown: '.row-link' },
  failed: { path: '/runs?status=failed', shown: '.row-link' },
  costs: { path: '/costs', shown: '.big-figure' },
  inbox: { path: '/inbox', shown: '.inbox' },
};

/** Milliseconds from the navigation; `server` is the longest answer of the API. */
type Paint = { first: number; shown: number; server: number };

/**
 * Opens places of the console with few and with many finished runs, in turn, each time in a browser
 * without a cache.
 */
export async function measureFirstPaint(
  { server, rounds, talk }: BenchContext,
  browser: Browser,
): Promise<Figure[]> {
  const few = await server.createDatabase();
  const many = await server.createDatabase();
  try {
    await fill(few, FEW_RUNS);
    await fill(many, RUNS);
    talk(`filled with ${RUNS} runs`);
    const apis = { few: await startApiProcess(few.url), many: await startApiProcess(many.url) };
    try {
      const figures: Figure[] = [];
      for (const [name, { path, shown }] of Object.entries(PLACES)) {
        const paints: Record<'few' | 'many', Paint[]> = { few: [], many: [] };
        for (const side of ['few', 'many'] as const)
          await open(browser, apis[side].url + path, shown);
        for (let round = 1; round <= rounds(5); round += 1) {
          for (const side of ['few', 'many'] as const) {
            paints[side].push(await open(browser, apis[side].url + path, shown));
          }
        }
        figures.push(...paintFigures(name, paints));
      }
      return figures;
    } finally {
      await apis.few.stop();
      await apis.many.stop();
    }
  } finally {
    await few.drop();
    await many.drop();
  }
}

async function fill(database: BenchDatabase, executions: number): Promise<void> {
  const options = { steps: 2, days: 30, tenants: 1, agents: 8, seed: 1, until: new Date() };
  await generateHistory(database.url, { ...options, executions, append: false }, () => {});
  await countAllUsage(database);
  await database.pool.query('vacuum analyze'); // as autovacuum does after a while
}

async function open(browser: Browser, url: string, shown: string): Promise<Paint> {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  try {
    await page.addInitScript(noteShown(shown));
    await page.goto(url);
    await page.locator(shown).first().waitFor({ timeout: 60_000 });
    await page.evaluate('new Promise((resolve) => requestAnimationFrame(resolve))');
    return (await page.evaluate(`({
      first: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN,
      shown: window.shownAt,
      server: Math.max(...performance.getEntriesByType('resource')
        .filter(({ name }) => /\\/(graphql|api\\/)/.test(name))
        .map(({ requestStart, responseEnd }) => responseEnd - requestStart)),
    })`)) as Paint;
  } finally {
    await context.close();
  }
}

/** Notes the time of the frame in which an element is first painted. */
const noteShown = (selector: string): string => `
  const observer = new MutationObserver(() => {
    if (!document.querySelector(${JSON.stringify(selector)})) return;
    observer.disconnect();
    requestAnimationFrame(() => { window.shownAt = performance.now(); });
  });
  observer.observe(document, { childList: true, subtree: true })`;

function paintFigures(name: string, { few, many }: Record<'few' | 'many', Paint[]>): Figure[] {
  const of = (paints: readonly Paint[], part: keyof Paint) => paints.map((paint) => paint[part]);
  const label = (part: string) => `console_${name}_${part}`;
  return [
    figure('console', label('first_paint_ms'), of(many, 'first'), 'ms', { atMost: 1_000 }),
    figure('console', label('rows_shown_ms'), of(many, 'shown'), 'ms', { atMost: 1_000 }),
    figure('console', label('longest_answer_ms'), of(many, 'server'), 'ms'),
    figure('console', label('few_runs_rows_shown_ms'), of(few, 'shown'), 'ms'),
    figure('console', label('few_runs_longest_answer_ms'), of(few, 'server'), 'ms'),
  ];
}
