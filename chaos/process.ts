import { doOrder } from '../src/cli/process/isolated-child.ts';
import type { Breach } from './checks/breach.ts';
import { type ReportLine, reportLines, summarizeRounds } from './checks/report.ts';
import { type PlayOptions, playRounds } from './play-rounds.ts';

// The child process of `howdah dev chaos`. It plays rounds; the matrix and the soak are not in it.

/** A message to the parent process: a line of progress, or the result. */
export type ChaosMessage =
  | { progress: string }
  | { lines: ReportLine[]; summary: string; broken: Breach[] };

await doOrder<PlayOptions, ChaosMessage>(async (options, send) => {
  const rounds = await playRounds(options, (line) => send({ progress: line }));
  send({
    lines: reportLines(rounds, options.seed),
    summary: summarizeRounds(rounds),
    broken: rounds.flatMap(({ breaches }) => breaches),
  });
});
