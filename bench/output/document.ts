import type { Judged } from '../bars.ts';
import { BENCHES } from '../benches.ts';
import { markdownTable } from './markdown-table.ts';
import { sizeAssignments } from '../sizes.ts';

export type Report = {
  /** Where it is written. */
  file: string;
  figures: readonly Judged[];
  peers: readonly string[];
  /** The lines of `describeMachine`. */
  machine: readonly string[];
  names: readonly string[];
};

/** docs/benchmarks.md, from one run. */
export function documentOf({ file, figures, peers, machine, names }: Report): string {
  const selection = names.length === Object.keys(BENCHES).length ? 'all' : names.join(' ');
  return `# Benchmarks

Written by one run of \`npm run bench\` on one server. The figures of another machine are no measure of this one: \`howdah dev bench\` measures yours ([cli.md](cli.md#bench-and-chaos)).
This page:

\`\`\`sh
npm install --prefix bench/peers && ${sizeAssignments()}npm run bench -- ${selection} --write ${file}
\`\`\`

${machine.map((line) => `- ${line}`).join('\n')}

Each figure is the median of its rounds, with minimum and maximum, in the unit that its name ends with. It was measured in turn with what
stands beside it; trust ratios before absolute times. \`· limit\` is what the machine does at best. Other systems ran at the settings that
suit them best, in their own process and database. A dash stands for what did not finish while it was watched. The goal is what the design
asks for; \`npm run bench\` fails below the bars of \`bench/bars.ts\`.

${markdownTable(figures, peers)}`;
}
