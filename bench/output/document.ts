import type { JudgedFigure } from '../bars.ts';
import { BENCHES } from '../benches.ts';
import { formatSizeAssignments } from '../data-sizes.ts';
import { formatMarkdown } from './markdown-table.ts';

/** The results of one run of benches. */
export type BenchReport = {
  /** The file to which the document is written. */
  file: string;
  figures: readonly JudgedFigure[];
  /** The peers that were measured. */
  peers: readonly string[];
  /** The lines of `describeMachine`. */
  machine: readonly string[];
  /** The benches that were run. */
  names: readonly string[];
};

/** Formats the text of docs/benchmarks.md. */
export function formatDocument({ file, figures, peers, machine, names }: BenchReport): string {
  const selection = names.length === Object.keys(BENCHES).length ? 'all' : names.join(' ');
  return `# Benchmarks

These figures come from one run of \`npm run bench\` on one server. Another machine gives other figures: measure yours with
\`howdah dev bench\` ([cli.md](cli.md#bench-and-chaos)). This page was written by:

\`\`\`sh
npm install --prefix bench/peers && ${formatSizeAssignments()}npm run bench -- ${selection} --write ${file}
\`\`\`

${machine.map((line) => `- ${line}`).join('\n')}

Each figure is the median of its rounds, with minimum and maximum. The end of its name states the unit. A bench measures Howdah, the
limits and other systems (peers) in turn, so ratios are more reliable than absolute times. \`· limit\` is the best result that the machine
can reach without Howdah. Peers ran with the settings that suit them best, in a process and a database of their own. A dash means that a
system did not finish within the observed time. A \`goal\` is a target of the design, and may be missed. \`npm run bench\` fails if a figure
misses its threshold in \`bench/bars.ts\`.

${formatMarkdown(figures, peers)}`;
}
