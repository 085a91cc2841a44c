import { setTimeout as sleep } from 'node:timers/promises';
import type { BenchContext } from '../bench.ts';
import { type Figure, figure, percentile, ratios } from '../figures.ts';
import { startApiProcess } from '../processes/api.ts';
import { BENCH_AGENT, startEngine } from '../processes/engine.ts';
import type { BenchDatabase } from '../server.ts';
import { openTabs } from './tabs-process.ts';

const RUNS = 200;
const LISTS = 40;
const PAGES = 10;
const MODEL_MS = 1_000;
/** Runs that are timed in a round, one after the other. */
const PROBES = 60;
const PROBE = '1 probe';

/** Milliseconds to the first model request, and between the first and the second. */
type Times = { start: number[]; step: number[] };

/**
 * Compares a worker with 200 runs at work without consoles and with 50: 40 lists of runs, and 10
 * pages of runs at work. Times the start of a run, and a turn of it: two committed steps.
 */
export async function measureHotPath({ server, rounds, talk }: BenchContext): Promise<Figure[]> {
  const database = await server.createDatabase();
  let requests: number[] = [];
  let onSecond: (() => void) | undefined;
  const worker = await startEngine({
    url: database.url,
    concurrency: RUNS + 10,
    async onModelCall(input) {
      if (input !== PROBE) return sleep(MODEL_MS);
      requests.push(performance.now());
      if (requests.length === 2) onSecond?.();
    },
  });
  const timeOne = async (): Promise<[start: number, step: number]> => {
    requests = [];
    const isSecond = new Promise<void>((resolve) => {
      onSecond = resolve;
    });
    const insertedAt = performance.now();
    await insertRuns(database, PROBE, 1);
    await isSecond;
    const [first = Number.NaN, second = Number.NaN] = requests;
    return [first - insertedAt, second - first];
  };
  const api = await startApiProcess(database.url);
  try {
    await database.pool.query(BENCH_AGENT);
    const ids = await insertRuns(database, '100000 busy', RUNS);
    const options = { url: api.url, lists: LISTS, runs: ids.slice(0, PAGES) };
    await timeAll(timeOne); // warms up
    const without: Times[] = [];
    const beside: Times[] = [];
    for (let round = 1; round <= rounds(5); round += 1) {
      without.push(await timeAll(timeOne));
      const tabs = await openTabs(options);
      const openedAt = performance.now();
      beside.push(await timeAll(timeOne));
      const seconds = (performance.now() - openedAt) / 1_000;
      talk(`${((await tabs.close()) / seconds).toFixed(0)} queries a second of 50 consoles`);
    }
    return hotPathFigures(without, beside);
  } finally {
    await api.stop();
    await worker.stop(0);
    await database.drop();
  }
}

async function insertRuns({ pool }: BenchDatabase, input: string, count: number) {
  const { rows } = await pool.query(
    `insert into howdah.executions (agent_id, input)
     select howdah.agent('bench'), $1 from generate_series(1, $2::int) returning id`,
    [input, count],
  );
  return rows.map((row) => row.id as string);
}

/** Times runs with pauses between them, so that they meet every phase of the tabs. */
async function timeAll(timeOne: () => Promise<[number, number]>): Promise<Times> {
  const times: Times = { start: [], step: [] };
  for (let count = 0; count < PROBES; count += 1) {
    const [start, step] = await timeOne();
    times.start.push(start);
    times.step.push(step);
    await sleep(50 + 50 * Math.random());
  }
  return times;
}

function hotPathFigures(without: readonly Times[], beside: readonly Times[]): Figure[] {
  const p50 = (rounds: readonly Times[], name: keyof Times) =>
    rounds.map((times) => percentile(times[name], 50));
  return (['start', 'step'] as const).flatMap((name) => {
    const before = p50(without, name);
    const after = p50(beside, name);
    const label = name === 'start' ? 'run_start' : 'turn';
    return [
      figure('console', `console_50_tabs_${label}_ratio`, ratios(after, before), 'ratio', {
        atMost: 1.05,
      }),
      figure('console', `console_50_tabs_${label}_ms_p50`, after, 'ms'),
      figure('console', `console_no_tab_${label}_ms_p50`, before, 'ms'),
    ];
  });
}
