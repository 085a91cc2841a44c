import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { BenchContext } from '../bench.ts';
import { type Figure, figure } from '../figures.ts';
import { startApiProcess } from '../processes/api.ts';
import { countStatements } from './statement-counter.ts';

/** Time over which statements are counted: three times the longest pause of an idle list. */
const COUNTED_MS = 60_000;
/** Time after which a list rests for its longest pause. */
const SETTLING_MS = 30_000;
const PLACES = {
  home: { path: '/', shown: '.row-link' },
  runs: { path: '/runs', shown: '.row-link' },
  inbox: { path: '/inbox', shown: '.inbox' },
};

/**
 * Counts the statements that the API sends to the database, `begin` and `commit` included, with no
 * tab and with an open tab of each place. Nothing happens meanwhile.
 */
export async function measureIdle(
  { server, talk }: BenchContext,
  browser: Browser,
): Promise<Figure[]> {
  const database = await server.createDatabase();
  await database.pool.query(
    `insert into howdah.executions (agent_id, input, run_at)
     select howdah.agent('development'), 'run ' || i, now() + interval '1 day'
     from generate_series(1, 100) as i`,
  );
  const counter = await countStatements(database.url);
  const api = await startApiProcess(counter.url);
  const perSecond = async (): Promise<number> => {
    await sleep(SETTLING_MS);
    const before = counter.count();
    await sleep(COUNTED_MS);
    return (counter.count() - before) / (COUNTED_MS / 1_000);
  };
  try {
    const alone = await perSecond();
    talk(`statements a second of the API without a tab: ${alone.toFixed(2)}`);
    const figures = [figure('console', 'console_no_tab_statements_per_second', alone, '1/s')];
    for (const [name, { path, shown }] of Object.entries(PLACES)) {
      const page = await browser.newPage();
      await page.goto(api.url + path);
      await page.locator(shown).first().waitFor();
      const own = Math.max(0, (await perSecond()) - alone);
      figures.push(
        figure('console', `console_idle_${name}_statements_per_second`, own, '1/s', { atMost: 1 }),
      );
      if (name === 'runs') figures.push(await hiddenFigure(page, perSecond, alone));
      await page.close();
    }
    return figures;
  } finally {
    await api.stop();
    counter.close();
    await database.drop();
  }
}

/** Counts the statements of a hidden tab. Headless Chromium hides none, so the page is told. */
async function hiddenFigure(page: Page, perSecond: () => Promise<number>, alone: number) {
  await page.evaluate(`
    Object.defineProperty(document, 'visibilityState', { value: 'hidden' });
    document.dispatchEvent(new Event('visibilitychange'))`);
  const own = Math.max(0, (await perSecond()) - alone);
  return figure('console', 'console_hidden_statements_per_second', own, '1/s', { atMost: 0.05 });
}
