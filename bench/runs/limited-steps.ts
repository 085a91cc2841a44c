import type { BenchContext } from '../bench.ts';
import { type Figure, figure, formatSpread, ratios } from '../figures.ts';
import { openServerMeter, SERVER_CPU_NOT_MEASURED } from '../meters/server-meter.ts';
import { type BenchTarget, type EngineRound, measureEngine } from './engine-rounds.ts';

/** Never reached, and far: production mostly has a limit, and is mostly below it. */
const LIMIT = `insert into howdah.limits (metric, period, max_value) values ('tokens', 'month', 1e15)`;

/**
 * Measures what a limit of tokens adds to a step. Rounds alternate between a database without and
 * one with the limit. The limit is older than all runs, since its creation counts their usage.
 */
export async function measureStepsWithLimit(context: BenchContext): Promise<Figure[]> {
  const targets: BenchTarget[] = [];
  try {
    const free = await openTarget(context, targets);
    const under = await openTarget(context, targets);
    await under.database.pool.query(LIMIT);
    if (Number.isNaN(free.meter.cpuUs())) context.talk(SERVER_CPU_NOT_MEASURED);
    const without: EngineRound[] = [];
    const limited: EngineRound[] = [];
    for (let round = 0; round < context.rounds(5); round += 1) {
      without.push(await measureEngine(free));
      limited.push(await measureEngine(under));
    }
    return figuresOf(context, without, limited);
  } finally {
    for (const { meter, database } of targets) {
      await meter.close();
      await database.drop();
    }
  }
}

async function openTarget({ server }: BenchContext, targets: BenchTarget[]): Promise<BenchTarget> {
  const database = await server.createDatabase();
  const target = { database, meter: await openServerMeter(server, database) };
  targets.push(target);
  return target;
}

function figuresOf(
  { talk }: BenchContext,
  without: EngineRound[],
  limited: EngineRound[],
): Figure[] {
  const cpu = (some: EngineRound[]) => some.map(({ serverCpuUs }) => serverCpuUs);
  const speed = (some: EngineRound[]) => some.map(({ stepsPerSecond }) => stepsPerSecond);
  talk(`server CPU µs per step without a limit ${formatSpread(cpu(without))}`);
  talk(`server CPU µs per step with a limit ${formatSpread(cpu(limited))}`);
  return [
    figure('steps', 'limit_server_cpu_ratio', ratios(cpu(limited), cpu(without)), 'ratio', {
      atMost: 1.3,
    }),
    figure('steps', 'limit_steps_ratio', ratios(speed(limited), speed(without)), 'ratio'),
    figure('steps', 'server_cpu_us_per_step', cpu(without), 'µs'),
    figure('steps', 'limit_server_cpu_us_per_step', cpu(limited), 'µs'),
    figure('steps', 'limit_steps_per_second', speed(limited), '1/s'),
  ];
}
