import type { Judged } from './bars.ts';
import { BENCHES } from './benches.ts';
import { sizesAsked } from './sizes.ts';
import { markdownTable } from './table.ts';

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
  const asked = names.length === Object.keys(BENCHES).length ? 'all' : names.join(' ');
  return `# Benchmarks

Written by one run of \`npm run bench\` on one server; run again to compare, for the figures of another machine are no measure of this one. \`howdah bench\` measures a server of yours ([cli.md](cli.md#bench-and-chaos)).
This page:

\`\`\`sh
npm install --prefix bench/peers && ${sizesAsked()}npm run bench -- ${asked} --write ${file}
\`\`\`

${machine.map((line) => `- ${line}`).join('\n')}

How to read it: each figure was measured in rounds, in turn with what stands beside it, and is shown as minimum, median and maximum over
the rounds; trust ratios before absolute times. \`· limit\` is what the machine does at best, with pgbench, the same SQL said by hand, or
bare promises; \`· peer\` another system at the settings that suited it best, in a process and a database of its own on the same server;
a dash stands for what did not finish while it was watched. *Goal* is what the
design asks for, *bar* what no change may fall below ([bench/bars.ts](../bench/bars.ts) says why); \`npm run bench\` fails below a bar.

${markdownTable(figures, peers)}`;
}
