import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, CDPSession, Page, WebSocketRoute } from 'playwright-core';
import { isJsonObject, type Json } from '../../src/json/json.ts';
import type { BenchContext } from '../bench.ts';
import { type Figure, figure } from '../figures.ts';
import { startApiProcess } from '../processes/api.ts';

/** A list is read twice a second at most. In an hour, each of these events may have a new run. */
const EVENTS = 7_200;
const PARTS = 6;
/** Events that are sent before the page draws. */
const AT_ONCE = 20;

/**
 * Measures the memory of a tab with a live list of runs over the events of an hour in which every
 * reading has news. The events are copies of a real one with new ids, sent as fast as the page
 * draws them. Garbage is collected before each reading.
 */
export async function measureListMemory(
  { server, talk }: BenchContext,
  browser: Browser,
): Promise<Figure[]> {
  const database = await server.createDatabase();
  const addRuns = async (count: number) => {
    await database.pool.query(
      `insert into howdah.executions (agent_id, input, run_at, metadata)
       select howdah.agent('development'), repeat('run ' || i || ' ', 50), now() + interval '1 day',
         '{"order": 4711}'
       from generate_series(1, $1::int) as i`,
      [count],
    );
  };
  await addRuns(60);
  const api = await startApiProcess(database.url);
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  try {
    const feed = await openFeed(page, api.url, () => addRuns(1));
    const session = await page.context().newCDPSession(page);
    const heaps = [await readHeap(session)];
    for (let part = 1; part <= PARTS; part += 1) {
      await sendEvents(page, feed, EVENTS / PARTS);
      heaps.push(await readHeap(session));
      talk(`${(part * EVENTS) / PARTS} events: ${heaps.at(-1)?.toFixed(1)} MB`);
    }
    const nodes = (await page.evaluate('document.querySelectorAll("*").length')) as number;
    const [start = Number.NaN] = heaps;
    const end = heaps.at(-1) ?? Number.NaN;
    return [
      figure('console', 'console_list_heap_start_mb', start, 'MB'),
      figure('console', 'console_list_heap_hour_mb', end, 'MB'),
      figure('console', 'console_list_heap_hour_ratio', end / start, 'ratio', { atMost: 1.5 }),
      figure('console', 'console_list_hour_elements', nodes, 'count'),
    ];
  } finally {
    await page.close();
    await api.stop();
    await database.drop();
  }
}

/** A row of the feed of runs, as a message of the socket, and the way to the page. */
type Feed = { route: WebSocketRoute; template: string; id: string };

/** Opens the list, and keeps the message of its feed that a new run sends. */
async function openFeed(page: Page, url: string, addRun: () => Promise<void>): Promise<Feed> {
  const found = Promise.withResolvers<Feed>();
  await page.routeWebSocket(/\/graphql$/, (route) => {
    const api = route.connectToServer();
    api.onMessage((message) => {
      route.send(message);
      const id = runOf(JSON.parse(String(message)) as Json);
      if (id !== undefined) found.resolve({ route, template: String(message), id });
    });
  });
  await page.goto(`${url}/runs`);
  await page.locator('.row-link').nth(49).waitFor();
  await addRun();
  return found.promise;
}

/** Returns the id of the only run of a message, undefined if it is another message. */
function runOf(message: Json): string | undefined {
  const read = (value: Json | undefined, name: string) =>
    isJsonObject(value) ? value[name] : undefined;
  const event = read(read(read(message, 'payload'), 'data'), 'executionsFeed');
  const runs = read(event, 'executions');
  return Array.isArray(runs) && runs.length === 1 ? String(read(runs[0], 'id')) : undefined;
}

async function sendEvents(page: Page, { route, template, id }: Feed, count: number): Promise<void> {
  for (let sent = 1; sent <= count; sent += 1) {
    route.send(template.replaceAll(id, newerId()));
    if (sent % AT_ONCE === 0) await page.evaluate('new Promise(requestAnimationFrame)');
  }
  await sleep(500);
}

/** Returns a uuid of version 7 of now: a new run is first in the list. */
function newerId(): string {
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

/** Returns the size of the heap after a collection, in MB. */
async function readHeap(session: CDPSession): Promise<number> {
  await session.send('HeapProfiler.collectGarbage');
  const { usedSize } = await session.send('Runtime.getHeapUsage');
  return usedSize / 1e6;
}
