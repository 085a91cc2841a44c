import { doOrder } from '../src/cli/process/isolated-child.ts';
import type { Breach } from './checks/check-evidence.ts';
import { type PlayOptions, play } from './play-rounds.ts';
import { type ReportLine, reportLines, summarizeRounds } from './checks/report.ts';

// What `howdah chaos` does, in a process of its own: the programme itself, without the rows of the matrix and without the soak.

export type ChaosMessage =
  | { progress: string }
  | { lines: ReportLine[]; summary: string; broken: Breach[] };

await doOrder<PlayOptions, ChaosMessage>(async (options, say) => {
  const rounds = await play(options, (line) => say({ progress: line }));
  say({
    lines: reportLines(rounds, options.seed),
    summary: summarizeRounds(rounds),
    broken: rounds.flatMap(({ breaches }) => breaches),
  });
});
