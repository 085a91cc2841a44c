import { execFileSync } from 'node:child_process';
import { formatReport, reportLines, summarizeRounds } from './checks/report.ts';
import { playMatrix, selectScenarios } from './matrix.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import type { RoundResult } from './play-round.ts';
import { playRounds } from './play-rounds.ts';
import { runSoak } from './resource-growth/run-soak.ts';

// npm run chaos: plays rounds, the matrix or a soak, and prints the results. Exits with 1 if a
// promise was broken.

const MOST_SHOWN = 50;

async function main(options: Options): Promise<boolean> {
  const log = (line: string): void => console.error(line);
  if (options.matrix) {
    return playMatrix(options, log);
  }
  if (options.soak) {
    return runSoak(options, log);
  }
  return printRounds(await playRounds(options, log), options);
}

/** Prints the results. Returns whether all promises were kept. */
function printRounds(rounds: readonly RoundResult[], { seed, json }: Options): boolean {
  const lines = reportLines(rounds, seed);
  const breaches = rounds.flatMap((round) => round.breaches);
  if (json) {
    for (const line of lines) console.log(JSON.stringify(line));
  } else {
    console.log(formatReport(lines));
    console.log(`\n${summarizeRounds(rounds)}`);
  }
  if (breaches.length > 0) {
    console.error(`${breaches.length} promises broken: seed ${seed}, commit ${describeCommit()}`);
    for (const { kind, what } of breaches.slice(0, MOST_SHOWN)) console.error(`  ${kind}: ${what}`);
  }
  return breaches.length === 0;
}

function describeCommit(): string {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], { encoding: 'utf8' }).trim();
  } catch {
    return 'unknown';
  }
}

let options: Options | undefined;
try {
  const parsed = readOptions(process.argv.slice(2), Date.now());
  selectScenarios(parsed.rows);
  options = parsed;
} catch (error) {
  console.error(`${(error as Error).message}\n${USAGE}`);
  process.exitCode = 2;
}
if (options) {
  console.error(`seed ${options.seed}`);
  process.exitCode = (await main(options)) ? 0 : 1;
}
