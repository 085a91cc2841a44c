import type { Figure } from '../../../bench/figures.ts';
import type { RehearsalOptions } from './rehearsal.ts';

type Run = (options: Pick<RehearsalOptions, 'argv' | 'log'>) => AsyncIterable<Figure>;

/** Runs a rehearsal from its own file: `node deploy/rehearsals/NAME.ts`. */
export async function runStandalone(run: Run): Promise<void> {
  const log = (line: string) => console.error(`   ${line}`);
  for await (const one of run({ argv: process.argv.slice(2), log })) {
    const { figure, value, unit, bound, holds } = one;
    const verdict = holds === null ? '' : holds ? 'holds' : 'BROKEN';
    console.log([figure.padEnd(28), value, unit, bound ?? '', verdict].join(' ').trimEnd());
    if (holds === false) process.exitCode = 1;
  }
}
