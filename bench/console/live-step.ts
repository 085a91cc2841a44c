import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import type { BenchContext } from '../bench.ts';
import { type Figure, figure, percentile } from '../figures.ts';
import { startApiProcess } from '../processes/api.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';

const RUNS = 200;
/** Time of a model request of the other runs. Each of its answers makes two steps. */
const MODEL_MS = 1_000;
/** Calls of the run on the page. All their lines are visible at once. */
const CALLS = 20;
const WATCHED = `${CALLS} watched`;

/**
 * Measures the time from the commit of a step until the page of its run shows it, while 200 runs
 * are at work in the same worker. The next model request tells that the steps before are committed.
 */
export async function measureLiveSteps(
  { server, rounds, talk }: BenchContext,
  browser: Browser,
): Promise<Figure[]> {
  const database = await server.createDatabase();
  const committed: number[] = [];
  const worker = await startEngine({
    url: database.url,
    concurrency: RUNS + 10,
    async onModelCall(input) {
      if (input !== WATCHED) return sleep(MODEL_MS);
      committed.push(performance.timeOrigin + performance.now());
      await sleep(400 + 500 * Math.random()); // after the pause in which the page gathers news
    },
  });
  const api = await startApiProcess(database.url);
  const page = await browser.newPage({ viewport: { width: 1440, height: 2_400 } });
  const waits: number[][] = [];
  try {
    await database.pool.query(BENCH_AGENT);
    await startRuns(database, `100000 busy`, RUNS);
    for (let round = 1; round <= rounds(5); round += 1) {
      committed.length = 0;
      const shown = await followRun(database, page, api.url);
      // request n + 1 comes after the commit of 2 n steps, which are below the line of the run
      waits.push(committed.slice(2).map((at, index) => (shown[2 * index + 5] ?? Number.NaN) - at));
      talk(`step shown after its commit, p50 ${percentile(waits.at(-1) ?? [], 50).toFixed(0)} ms`);
    }
  } finally {
    await page.close();
    await api.stop();
    await worker.stop(0);
    await database.drop();
  }
  const of = (percent: number) => waits.map((round) => percentile(round, percent));
  return [
    figure('console', 'console_step_shown_ms_p50', of(50), 'ms', { atMost: 300 }),
    figure('console', 'console_step_shown_ms_p99', percentile(waits.flat(), 99), 'ms'),
  ];
}

async function startRuns({ pool }: BenchDatabase, input: string, count: number): Promise<string> {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bench'), $1 from generate_series(1, $2::int) returning id`,
    [input, count],
  );
  return rows[0].id;
}

/** Shows a run from its start to its end. Returns the time at which each line appeared. */
async function followRun(database: BenchDatabase, page: Page, url: string): Promise<number[]> {
  const id = await startRuns(database, WATCHED, 1);
  await page.goto(`${url}/runs/${id}`);
  await page.evaluate(RECORD_LINES);
  await page.locator('.facts .status', { hasText: 'completed' }).waitFor({ timeout: 120_000 });
  return page.evaluate('window.shownAt') as Promise<number[]>;
}

/** Notes the time of the frame in which a line of the timeline is first painted. */
const RECORD_LINES = `
  window.shownAt = [];
  new MutationObserver(() => requestAnimationFrame(() => {
    const count = document.querySelectorAll('.waterfall .line').length;
    while (window.shownAt.length <= count) {
      window.shownAt.push(performance.timeOrigin + performance.now());
    }
  })).observe(document.body, { childList: true, subtree: true })`;
