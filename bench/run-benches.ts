import { type JudgedFigure, judge } from './bars.ts';
import type { BenchContext } from './bench.ts';
import { BENCHES } from './benches.ts';

/**
 * Runs benches one after the other, and passes the figures of each to `onFigures`. A bench that
 * fails does not stop the others. Returns a sentence for each bench that failed.
 */
export async function runBenches(
  names: readonly string[],
  context: BenchContext,
  onFigures: (name: string, figures: JudgedFigure[]) => void,
): Promise<string[]> {
  const broken: string[] = [];
  for (const name of names) {
    if (context.server.isStopping()) break;
    const startedAt = performance.now();
    context.talk(`── ${name}`);
    try {
      onFigures(name, await runBench(name, context));
    } catch (error) {
      context.talk((error as Error).stack ?? String(error));
      broken.push(`${name} failed: ${(error as Error).message}`);
    }
    context.talk(`   ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }
  return broken;
}

async function runBench(name: string, context: BenchContext): Promise<JudgedFigure[]> {
  const bench = BENCHES[name];
  if (!bench) throw new Error('there is no bench of this name');
  if (bench.needsSuperuser && !context.server.isSuperuser) {
    throw new Error('the bench needs the login of a superuser');
  }
  const talk = (line: string): void => context.talk(`   ${line}`);
  return (await bench.run({ ...context, talk })).map(judge);
}
