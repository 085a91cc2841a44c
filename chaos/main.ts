import { execFileSync } from 'node:child_process';
import { MODEL_FAULTS, planFaults } from './faults.ts';
import { playMatrix } from './matrix.ts';
import { type Options, readOptions, USAGE } from './options.ts';
import { planRuns } from './plan.ts';
import { linesOf, tableOf } from './report.ts';
import { playRound, type RoundResult } from './round.ts';
import { checkEverything } from './settle.ts';
import { soak } from './soak.ts';
import { openWorld } from './world.ts';

// npm run chaos: breaks what can be broken, prints what came of it, and exits 1 on any broken promise.

const RUNS_PER_ROUND = 300;
const ROUND_MS = 30_000;
const FAULT_EVERY_MS = 700;

async function main(options: Options): Promise<boolean> {
  const talk = (line: string): void => console.error(line);
  if (options.matrix) {
    return playMatrix(options, talk);
  }
  if (options.soak) {
    return soak(options, talk);
  }
  const { seed, workers, only } = options;
  const world = await openWorld({ seed, workers, modelFaults: MODEL_FAULTS });
  const rounds: RoundResult[] = [];
  const begun = performance.now();
  const isDone = (): boolean =>
    performance.now() - begun >= options.minutes * 60_000 &&
    rounds.reduce((runs, round) => runs + round.runs, 0) >= options.runs;
  try {
    while (!isDone()) {
      const round = rounds.length + 1;
      const result = await playRound(
        world,
        round,
        planRuns(seed, round, RUNS_PER_ROUND, ROUND_MS * 0.7),
        planFaults(seed, round, ROUND_MS, FAULT_EVERY_MS, only),
      );
      rounds.push(result);
      talk(inOneLine(result));
      for (const { kind, what } of result.breaches.slice(0, 20)) talk(`  ${kind}: ${what}`);
    }
    const [last] = rounds.slice(-1);
    const breaches = await checkEverything(world);
    last?.breaches.push(...breaches);
  } finally {
    await world.close();
  }
  return print(rounds, options);
}

function inOneLine({ round, runs, children, steps, injected, ...result }: RoundResult): string {
  return `round ${round}: ${runs} runs, ${children} below them, ${steps} steps, ${injected.length} faults, ${
    result.explained
  } failed as they had to, ${result.breaches.length} breaches, ${result.seconds.toFixed(1)} s`;
}

function print(rounds: readonly RoundResult[], { seed, json }: Options): boolean {
  const lines = linesOf(rounds, seed);
  const sum = (of: (round: RoundResult) => number) =>
    rounds.reduce((all, round) => all + of(round), 0);
  const breaches = rounds.flatMap((round) => round.breaches);
  if (json) {
    for (const line of lines) console.log(JSON.stringify(line));
  } else {
    console.log(tableOf(lines));
    console.log(
      `\n${sum((round) => round.runs)} runs and ${sum((round) => round.children)} below them, ${sum(
        (round) => round.steps,
      )} steps, ${sum((round) => round.injected.length)} faults, ${sum(
        (round) => round.explained,
      )} runs failed for a reason that was injected, ${(sum((round) => round.seconds) / 60).toFixed(1)} minutes`,
    );
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
