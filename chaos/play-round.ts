import { setTimeout as sleep } from 'node:timers/promises';
import type { Breach } from './checks/breach.ts';
import { checkEvidence, DEATHS_BEFORE_POISON, type Verdict } from './checks/check-round.ts';
import { measureRecoveries, type Observations, observeRound } from './checks/observe-round.ts';
import {
  checkEncryptedContents,
  countEncryptions,
  type Encryptions,
  WRONGLY_ENCRYPTED_RUNS,
} from './faults/encryption.ts';
import type { FaultKind, PlannedFault } from './faults/faults.ts';
import { endFaults, type InjectedFault, injectFaults } from './faults/inject-faults.ts';
import { answerQuestions } from './load/answer-questions.ts';
import type { PlannedRun } from './load/plan.ts';
import { readJournal } from './load/shop-tools.ts';
import { type SubmittedRun, submitRuns } from './load/submit-runs.ts';
import { retryWhileUnavailable } from './server.ts';
import type { World } from './world.ts';

/** The figures and breaches of one round. */
export type RoundResult = {
  round: number;
  runs: number;
  children: number;
  steps: number;
  injected: (InjectedFault & { recovery: number | null })[];
  breaches: Breach[];
  explained: number;
  repeated: number;
  encryptions: Encryptions;
  seconds: number;
};

/** Faults that use up attempts of model calls. */
const MODEL_CUTTING: readonly FaultKind[] = ['cut_models', 'pause_process', 'freeze'];

/** Faults that neither kill a worker nor let one appear dead. */
const HARMLESS: readonly FaultKind[] = [
  'slow',
  'drain',
  'lose_answer',
  'cut_midway',
  'cut_models',
  'duplicate_wakeups',
  'switch_encryption',
  'rotate_data_key',
];

/** The longest time without progress after the faults. */
const MOST_STILLNESS_MS = 60_000;

/**
 * Plays one round: submits runs while faults occur, ends the faults, waits until every run has
 * ended, and checks the result. `mayPoison` says that a run of the plan kills its workers.
 */
export async function playRound(
  world: World,
  round: number,
  runs: readonly PlannedRun[],
  faults: readonly PlannedFault[],
  { mayPoison = false }: { mayPoison?: boolean } = {},
): Promise<RoundResult> {
  const startedAt = performance.now();
  const since = new Date();
  const abort = new AbortController();
  const answering = answerQuestions(world, abort.signal);
  try {
    const [submitted, injected] = await Promise.all([
      submitRuns(world, runs),
      injectFaults(world, faults),
    ]);
    endFaults(world);
    const stuck = [
      ...(await waitUntilEmpty(world, round, LIVE_RUNS)),
      ...(await waitUntilEmpty(world, round, WRONGLY_ENCRYPTED_RUNS)),
    ];
    const { pool } = world.server;
    const observed = await retryWhileUnavailable(() => observeRound(pool, round, since));
    const times = await retryWhileUnavailable(() => measureRecoveries(pool, injected));
    const verdict = checkRound(world, round, observed, submitted, injected, mayPoison);
    const crashes = world.workers.flatMap((worker) => worker.crashes.splice(0));
    return {
      round,
      runs: submitted.length + countForks(observed, submitted),
      children: observed.runs.filter(({ parent }) => parent !== null).length,
      steps: await retryWhileUnavailable(() => countSteps(world, since)),
      injected: injected.map((fault, index) => ({ ...fault, recovery: times[index] ?? null })),
      breaches: [
        ...verdict.breaches,
        ...stuck,
        ...(await retryWhileUnavailable(() => checkEncryptedContents(pool, since))),
        ...crashes.map((what): Breach => ({ kind: 'died', what })),
      ],
      explained: verdict.explained,
      repeated: verdict.repeated,
      encryptions: await retryWhileUnavailable(() => countEncryptions(pool, since)),
      seconds: (performance.now() - startedAt) / 1_000,
    };
  } finally {
    abort.abort();
    await answering;
  }
}

function checkRound(
  world: World,
  round: number,
  observed: Observations,
  submitted: readonly SubmittedRun[],
  injected: readonly InjectedFault[],
  mayPoison: boolean,
): Verdict {
  const deaths = injected.filter(({ kind }) => !HARMLESS.includes(kind)).length;
  return checkEvidence({
    ...observed,
    seed: world.seed,
    submitted,
    effects: readJournal(world.journal).filter(({ key }) => key.startsWith(`${round}.`)),
    requests: world.model.requests,
    isModelCut: injected.some(({ kind }) => MODEL_CUTTING.includes(kind)),
    deaths: mayPoison ? DEATHS_BEFORE_POISON : deaths,
  });
}

function countForks({ runs }: Observations, submitted: readonly SubmittedRun[]): number {
  const ids = new Set(submitted.map(({ id }) => id));
  return runs.filter(({ forked_from }) => forked_from !== null && ids.has(forked_from)).length;
}

async function countSteps({ server }: World, since: Date): Promise<number> {
  const { rows } = await server.pool.query(
    `select coalesce(sum(coalesce(h.step_count, e.step_count) - coalesce(e.forked_from_seq, 0)), 0)::int as steps
     from howdah.executions as e
     left join howdah_private.run_heads as h on h.execution_id = e.id
     where e.created_at >= $1`,
    [since],
  );
  return rows[0].steps;
}

/**
 * Waits until the query returns no runs. If its result does not change for a minute, returns a
 * breach for each run that is left.
 */
async function waitUntilEmpty({ server }: World, round: number, query: string): Promise<Breach[]> {
  let previous = '';
  let changedAt = performance.now();
  for (;;) {
    const { rows } = await retryWhileUnavailable(() => server.pool.query(query));
    if (rows.length === 0) return [];
    const current = JSON.stringify(rows.map(({ id, state }) => `${id} ${state}`));
    if (current !== previous) {
      previous = current;
      changedAt = performance.now();
    }
    if (performance.now() - changedAt > MOST_STILLNESS_MS) {
      return rows.slice(0, 20).map(
        ({ id, state }): Breach => ({
          kind: 'stuck',
          what: `run ${id} of round ${round} makes no progress: ${state}`,
        }),
      );
    }
    await sleep(200);
  }
}

// The state leaves out owner and fence, which also change when a run crashes and is claimed again.
const LIVE_RUNS = `
  select e.id, concat_ws(' ', e.status, e.waiting_for, coalesce(h.step_count, e.step_count),
    'inbox ' || e.has_inbox, e.wake_at, 'crashes ' || e.crashes_without_progress) as state
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.completed_at is null order by e.id`;
