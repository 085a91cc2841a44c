import { switchEncryption } from './faults/encryption.ts';
import { MODEL_FAULTS, planFaults } from './faults/faults.ts';
import type { Options } from './options.ts';
import { planRuns } from './load/plan.ts';
import { playRound, type RoundResult } from './play-round.ts';
import { checkAllRuns } from './checks/check-all-runs.ts';
import { openWorld } from './world.ts';

export type PlayOptions = Pick<Options, 'minutes' | 'runs' | 'seed' | 'workers' | 'only'>;

const RUNS_PER_ROUND = 300;
const ROUND_MS = 30_000;
const FAULT_EVERY_MS = 700;

/** Rounds, until there were so many minutes and runs as asked for, on a world of their own. */
export async function play(
  { minutes, runs, seed, workers, only }: PlayOptions,
  log: (line: string) => void,
): Promise<RoundResult[]> {
  const world = await openWorld({ seed, workers, modelFaults: MODEL_FAULTS });
  const rounds: RoundResult[] = [];
  const roundMs = minutes > 0 ? Math.min(ROUND_MS, minutes * 60_000) : ROUND_MS;
  const runsPerRound = Math.ceil((RUNS_PER_ROUND * roundMs) / ROUND_MS);
  const startedAt = performance.now();
  const isDone = (): boolean =>
    performance.now() - startedAt >= minutes * 60_000 &&
    rounds.reduce((all, round) => all + round.runs, 0) >= runs;
  try {
    await switchEncryption(world.server.pool);
    while (rounds.length === 0 || !isDone()) {
      const round = rounds.length + 1;
      const result = await playRound(
        world,
        round,
        planRuns(seed, round, runsPerRound, roundMs * 0.7),
        planFaults(seed, round, roundMs, FAULT_EVERY_MS, only),
      );
      rounds.push(result);
      log(inOneLine(result));
      for (const { kind, what } of result.breaches.slice(0, 20)) log(`  ${kind}: ${what}`);
    }
    const [last] = rounds.slice(-1);
    const breaches = await checkAllRuns(world);
    last?.breaches.push(...breaches);
  } finally {
    await world.close();
  }
  return rounds;
}

function inOneLine({ round, runs, children, steps, injected, ...result }: RoundResult): string {
  return `round ${round}: ${runs} runs, ${children} below them, ${steps} steps, ${injected.length} faults, ${
    result.explained
  } failed as they had to, ${result.breaches.length} breaches, ${result.seconds.toFixed(1)} s`;
}
