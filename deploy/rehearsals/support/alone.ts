import type { Figure } from '../../../bench/figures.ts';

type Run = (options: {
  words: readonly string[];
  talk(line: string): void;
}) => AsyncIterable<Figure>;

/** Plays one rehearsal by its own file: node deploy/rehearsals/NAME.ts. */
export async function alone(run: Run): Promise<void> {
  const talk = (line: string) => console.error(`   ${line}`);
  for await (const one of run({ words: process.argv.slice(2), talk })) {
    const { figure, value, unit, bound, holds } = one;
    const verdict = holds === null ? '' : holds ? 'holds' : 'BROKEN';
    console.log([figure.padEnd(28), value, unit, bound ?? '', verdict].join(' ').trimEnd());
    if (holds === false) process.exitCode = 1;
  }
}
