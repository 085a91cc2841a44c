import { doOrder } from '../src/cli/process/isolated-child.ts';
import type { Breach } from './checks/check-evidence.ts';
import { type PlayOptions, play } from './play-rounds.ts';
import { type Line, linesOf, summaryOf } from './checks/report.ts';

// What `howdah chaos` does, in a process of its own: the programme itself, without the rows of the matrix and without the soak.

export type ChaosNews = { talk: string } | { lines: Line[]; summary: string; broken: Breach[] };

await doOrder<PlayOptions, ChaosNews>(async (options, say) => {
  const rounds = await play(options, (line) => say({ talk: line }));
  say({
    lines: linesOf(rounds, options.seed),
    summary: summaryOf(rounds),
    broken: rounds.flatMap(({ breaches }) => breaches),
  });
});
