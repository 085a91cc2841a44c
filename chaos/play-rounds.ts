import { checkAllRuns } from './checks/check-invariants.ts';
import { checkLimits } from './checks/check-limits.ts';
import { switchEncryption } from './faults/encryption.ts';
import { MODEL_FAULTS, planFaults } from './faults/faults.ts';
import { planRuns } from './load/plan.ts';
import type { Options } from './options.ts';
import { playRound, type RoundResult } from './play-round.ts';
import { openWorld } from './world.ts';

export type PlayOptions = Pick<Options, 'minutes' | 'runs' | 'seed' | 'workers' | 'only'> &
  Partial<Pick<Options, 'limits'>>;

const RUNS_PER_ROUND = 300;
const ROUND_MS = 30_000;
/** Average interval between faults. */
const FAULT_INTERVAL_MS = 700;
/** Share of a round in which runs are submitted. */
const SUBMISSION_SHARE = 0.7;

/** Plays rounds in one world until the requested minutes and runs are reached. */
export async function playRounds(
  { minutes, runs, seed, workers, only, limits = false }: PlayOptions,
  log: (line: string) => void,
): Promise<RoundResult[]> {
  const world = await openWorld({
    ...{ seed, workerCount: workers, modelFaults: MODEL_FAULTS, hasLimits: limits },
  });
  const rounds: RoundResult[] = [];
  const roundMs = minutes > 0 ? Math.min(ROUND_MS, minutes * 60_000) : ROUND_MS;
  const runsPerRound = Math.ceil((RUNS_PER_ROUND * roundMs) / ROUND_MS);
  const startedAt = performance.now();
  const isDone = (): boolean =>
    performance.now() - startedAt >= minutes * 60_000 &&
    rounds.reduce((total, round) => total + round.runs, 0) >= runs;
  try {
    await switchEncryption(world.server.pool);
    while (rounds.length === 0 || !isDone()) {
      const round = rounds.length + 1;
      const result = await playRound(
        world,
        round,
        planRuns(seed, round, runsPerRound, roundMs * SUBMISSION_SHARE),
        planFaults(seed, round, roundMs, FAULT_INTERVAL_MS, only),
      );
      rounds.push(result);
      log(describeRound(result));
      for (const { kind, what } of result.breaches.slice(0, 20)) log(`  ${kind}: ${what}`);
    }
    const breaches = [...(await checkAllRuns(world)), ...(await checkLimits(world))];
    rounds.at(-1)?.breaches.push(...breaches);
  } finally {
    await world.close();
  }
  return rounds;
}

function describeRound({ round, runs, children, steps, ...result }: RoundResult): string {
  const { injected, explained, breaches, seconds } = result;
  return [
    `round ${round}: ${runs} runs, ${children} child runs, ${steps} steps`,
    `${injected.length} faults, ${explained} runs failed because of a fault`,
    `${breaches.length} promises broken, ${seconds.toFixed(1)} s`,
  ].join(', ');
}
