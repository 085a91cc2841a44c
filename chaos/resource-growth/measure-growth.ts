import { setTimeout as sleep } from 'node:timers/promises';
import type { Options } from '../options.ts';
import { planRuns } from '../load/plan.ts';
import { formatMarkdownTable } from '../checks/report.ts';
import { playRound } from '../play-round.ts';
import { checkAllRuns } from '../checks/check-all-runs.ts';
import { type Figure, growthFigures, isBroken } from './growth-figures.ts';
import {
  countStatements,
  createMemoryReader,
  type Sample,
  type MemoryReader,
  sampleDatabase,
} from './growth-samples.ts';
import { openWorld, type World } from '../world.ts';

const SAMPLES = 120;
const HOUR_MS = 3_600_000;

/**
 * Nothing is wrong, for long: runs come at a steady rate, and what must not grow with time is looked at all the while. False when
 * a bound or a promise was broken.
 */
export async function soak(options: Options, log: (line: string) => void): Promise<boolean> {
  const { seed, workers, minutes, rate, json } = options;
  const forMs = minutes * 60_000;
  const plans = planRuns(seed, 1, Math.round((rate * forMs) / 1_000), forMs);
  const scale = createMemoryReader();
  try {
    const world = await openWorld({ seed, workers, modelFaults: [], place: scale.place });
    try {
      const { pool, restart } = world.server;
      await countStatements(pool, () => restart('fast', 0));
      const [round, samples] = await Promise.all([
        playRound(world, 1, plans, []),
        watch(world, scale, forMs, log),
      ]);
      const breaches = [...round.breaches, ...(await checkAllRuns(world))];
      const figures = growthFigures(samples);
      print(figures, json);
      log(
        `${round.runs} runs and ${round.children} below them, ${round.steps} steps, ${breaches.length} promises broken, ${
          figures.filter(isBroken).length
        } of ${figures.length} bounds broken`,
      );
      for (const { kind, what } of breaches.slice(0, 50)) log(`  ${kind}: ${what}`);
      return breaches.length === 0 && !figures.some(isBroken);
    } finally {
      await world.close();
    }
  } finally {
    scale.close();
  }
}

async function watch(
  { server, places }: World,
  scale: MemoryReader,
  forMs: number,
  log: (line: string) => void,
): Promise<Sample[]> {
  const startedAt = performance.now();
  const samples: Sample[] = [];
  while (samples.length < SAMPLES) {
    await sleep(Math.max(0, startedAt + (samples.length * forMs) / SAMPLES - performance.now()));
    const at = (performance.now() - startedAt) / HOUR_MS;
    const [weights, seen] = await Promise.all([scale.read(places), sampleDatabase(server.pool)]);
    const sample = { at, workers: weights, ...seen };
    samples.push(sample);
    log(inOneLine(sample));
  }
  return samples;
}

function inOneLine({ at, workers, live, jobs, tables }: Sample): string {
  const megabytes = (of: 'heap' | 'rss') =>
    workers.map((one) => (one[of] / 1_048_576).toFixed(1)).join(' + ');
  const dead = tables.reduce((sum, table) => sum + table.dead, 0);
  return `${(at * 60).toFixed(1)} min: heap ${megabytes('heap')} MB, rss ${megabytes('rss')} MB, ${live} live, ${jobs} jobs, ${dead} dead rows`;
}

function print(figures: readonly Figure[], json: boolean): void {
  if (json) {
    for (const figure of figures) console.log(JSON.stringify(figure));
    return;
  }
  const rows = figures.map((figure) => [
    figure.what,
    ...[figure.first, figure.last, figure.measured, figure.bound].map(inShort),
    isBroken(figure) ? 'BROKEN' : 'held',
  ]);
  console.log(
    formatMarkdownTable(
      ['figure', 'first third', 'last third', 'measured', 'at most', 'bound'],
      rows,
    ),
  );
}

function inShort(value: number): string {
  return String(Number(value.toPrecision(3)));
}
