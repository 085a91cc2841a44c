import { execFileSync } from 'node:child_process';
import { playMatrix } from './matrix.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { play } from './play-rounds.ts';
import { reportLines, summarizeRounds, formatReport } from './checks/report.ts';
import type { RoundResult } from './play-round.ts';
import { soak } from './resource-growth/measure-growth.ts';

// npm run chaos: breaks what can be broken, prints what came of it, and exits 1 on any broken promise.

async function main(options: Options): Promise<boolean> {
  const log = (line: string): void => console.error(line);
  if (options.matrix) {
    return playMatrix(options, log);
  }
  if (options.soak) {
    return soak(options, log);
  }
  return print(await play(options, log), options);
}

function print(rounds: readonly RoundResult[], { seed, json }: Options): boolean {
  const lines = reportLines(rounds, seed);
  const breaches = rounds.flatMap((round) => round.breaches);
  if (json) {
    for (const line of lines) console.log(JSON.stringify(line));
  } else {
    console.log(formatReport(lines));
    console.log(`\n${summarizeRounds(rounds)}`);
  }
  if (breaches.length > 0) {
    console.error(`${breaches.length} promises broken: seed ${seed}, commit ${commit()}`);
    for (const { kind, what } of breaches.slice(0, 50)) console.error(`  ${kind}: ${what}`);
  }
  return breaches.length === 0;
}

function commit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

let options: Options | undefined;
try {
  options = readOptions(process.argv.slice(2), Date.now());
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
if (options) {
  console.error(`seed ${options.seed}`);
  process.exitCode = (await main(options)) ? 0 : 1;
}
