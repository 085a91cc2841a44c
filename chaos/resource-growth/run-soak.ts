import { setTimeout as sleep } from 'node:timers/promises';
import { checkAllRuns } from '../checks/check-invariants.ts';
import { formatMarkdownTable } from '../checks/report.ts';
import { planRuns } from '../load/plan.ts';
import type { Options } from '../options.ts';
import { playRound } from '../play-round.ts';
import { openWorld, type World } from '../world.ts';
import { exceedsBound, type Figure, growthFigures } from './growth-figures.ts';
import { enableStatementStatistics, type Sample, sampleDatabase } from './growth-samples.ts';
import { createMemoryReader, type MemoryReader } from './worker-memory.ts';

const SAMPLES = 120;
const HOUR_MS = 3_600_000;
const MB = 1_048_576;

/**
 * Plays runs at a steady rate without faults, and samples the resources that must not grow with
 * time. Returns whether all promises and bounds were kept.
 */
export async function runSoak(options: Options, log: (line: string) => void): Promise<boolean> {
  const { seed, workers, minutes, rate, json } = options;
  const forMs = minutes * 60_000;
  const plans = planRuns(seed, 1, Math.round((rate * forMs) / 1_000), forMs);
  const memory = createMemoryReader();
  try {
    const world = await openWorld({
      seed,
      workerCount: workers,
      modelFaults: [],
      workerSettings: memory.workerSettings,
    });
    try {
      const { pool, restart } = world.server;
      await enableStatementStatistics(pool, () => restart('fast', 0));
      const [round, samples] = await Promise.all([
        playRound(world, 1, plans, []),
        takeSamples(world, memory, forMs, log),
      ]);
      const breaches = [...round.breaches, ...(await checkAllRuns(world))];
      const figures = growthFigures(samples);
      const exceeded = figures.filter(exceedsBound).length;
      printFigures(figures, json);
      log(
        `${round.runs} runs and ${round.children} child runs, ${round.steps} steps, ${breaches.length} promises broken, ${exceeded} of ${figures.length} bounds exceeded`,
      );
      for (const { kind, what } of breaches.slice(0, 50)) log(`  ${kind}: ${what}`);
      return breaches.length === 0 && exceeded === 0;
    } finally {
      await world.close();
    }
  } finally {
    memory.close();
  }
}

/** Takes samples at equal intervals. */
async function takeSamples(
  { server, workers }: World,
  memory: MemoryReader,
  forMs: number,
  log: (line: string) => void,
): Promise<Sample[]> {
  const startedAt = performance.now();
  const samples: Sample[] = [];
  while (samples.length < SAMPLES) {
    await sleep(Math.max(0, startedAt + (samples.length * forMs) / SAMPLES - performance.now()));
    const at = (performance.now() - startedAt) / HOUR_MS;
    const [usages, database] = await Promise.all([
      memory.read(workers),
      sampleDatabase(server.pool),
    ]);
    const sample = { at, workers: usages, ...database };
    samples.push(sample);
    log(describeSample(sample));
  }
  return samples;
}

function describeSample({ at, workers, live, jobs, tables }: Sample): string {
  const megabytes = (kind: 'heap' | 'rss') =>
    workers.map((usage) => (usage[kind] / MB).toFixed(1)).join(' + ');
  const dead = tables.reduce((sum, table) => sum + table.dead, 0);
  return `${(at * 60).toFixed(1)} min: heap ${megabytes('heap')} MB, rss ${megabytes('rss')} MB, ${live} live runs, ${jobs} jobs, ${dead} dead rows`;
}

function printFigures(figures: readonly Figure[], json: boolean): void {
  if (json) {
    for (const figure of figures) console.log(JSON.stringify(figure));
    return;
  }
  const rows = figures.map((figure) => [
    figure.what,
    ...[figure.first, figure.last, figure.measured, figure.bound].map(formatNumber),
    exceedsBound(figure) ? 'EXCEEDED' : 'kept',
  ]);
  const head = ['figure', 'first third', 'last third', 'measured', 'at most', 'bound'];
  console.log(formatMarkdownTable(head, rows));
}

function formatNumber(value: number): string {
  return String(Number(value.toPrecision(3)));
}
