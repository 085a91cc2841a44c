import { type Judged, judge } from './bars.ts';
import type { BenchContext } from './bench.ts';
import { BENCHES } from './benches.ts';

/**
 * Runs benches one after the other, and hands on what each found. One that breaks takes nothing from the others: gives a
 * sentence for each of those.
 */
export async function runBenches(
  names: readonly string[],
  context: BenchContext,
  found: (name: string, figures: Judged[]) => void,
): Promise<string[]> {
  const broken: string[] = [];
  for (const name of names) {
    if (context.server.isOver()) break;
    const startedAt = performance.now();
    context.talk(`── ${name}`);
    try {
      found(name, await runOne(name, context));
    } catch (error) {
      context.talk((error as Error).stack ?? String(error));
      broken.push(`${name} broke: ${(error as Error).message}`);
    }
    context.talk(`   ${Math.round((performance.now() - startedAt) / 1000)} s`);
  }
  return broken;
}

async function runOne(name: string, context: BenchContext): Promise<Judged[]> {
  const bench = BENCHES[name];
  if (!bench) throw new Error('there is no such bench');
  if (bench.needsSuperuser && !context.server.isSuperuser) {
    throw new Error('it needs the login of a superuser');
  }
  const talk = (line: string): void => context.talk(`   ${line}`);
  return (await bench.run({ ...context, talk })).map(judge);
}
