import { setTimeout as sleep } from 'node:timers/promises';
import { type Breach, check } from './checks/check-evidence.ts';
import { type SubmittedRun, submitRuns } from './load/submit-runs.ts';
import {
  checkEncryptedContents,
  countEncryptions,
  type Encryptions,
  WRONGLY_ENCRYPTED_RUNS,
} from './faults/encryption.ts';
import type { FaultKind, PlannedFault } from './faults/faults.ts';
import { endFaults, type InjectedFault, injectFaults } from './faults/inject-faults.ts';
import { type Observations, observeRound, recoveries } from './checks/observe-round.ts';
import { answerQuestions } from './load/answer-questions.ts';
import type { PlannedRun } from './load/plan.ts';
import { retryWhileUnavailable } from './server.ts';
import { readJournal } from './load/shop-tools.ts';
import type { World } from './world.ts';

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

const MODEL_CUTTING: readonly FaultKind[] = ['cut_models', 'pause_process', 'freeze'];

/** Nobody is taken for dead by these. */
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

/** Nothing may stand still for so long once all faults are over. */
const STILL_MS = 60_000;

/**
 * One round: runs come, faults happen, then nothing is wrong any more; everything must end, and what is there must be what
 * was promised.
 */
export async function playRound(
  world: World,
  round: number,
  runs: readonly PlannedRun[],
  faults: readonly PlannedFault[],
  isFailing: { poison?: boolean } = {},
): Promise<RoundResult> {
  const startedAt = performance.now();
  const since = new Date();
  const over = new AbortController();
  const people = answerQuestions(world, over.signal);
  try {
    const [orders, injected] = await Promise.all([
      submitRuns(world, runs),
      injectFaults(world, faults),
    ]);
    endFaults(world);
    const stuck = [
      ...(await waitUntilNone(world, round, LIVE)),
      ...(await waitUntilNone(world, round, WRONGLY_ENCRYPTED_RUNS)),
    ];
    const { pool } = world.server;
    const observed = await retryWhileUnavailable(() => observeRound(pool, round, since));
    const times = await retryWhileUnavailable(() => recoveries(pool, injected));
    const deaths = injected.filter(({ kind }) => !HARMLESS.includes(kind)).length;
    const verdict = check({
      ...observed,
      seed: world.seed,
      orders,
      effects: ofRound(readJournal(world.journal), round),
      requests: world.model.requests,
      isModelCut: injected.some(({ kind }) => MODEL_CUTTING.includes(kind)),
      deaths: isFailing.poison ? 3 : deaths,
    });
    const died = world.places.flatMap((place) => place.deaths.splice(0));
    return {
      round,
      runs: orders.length + forksOf(observed, orders),
      children: observed.runs.filter(({ parent }) => parent !== null).length,
      steps: await retryWhileUnavailable(() => stepsOf(world, since)),
      injected: injected.map((one, index) => ({ ...one, recovery: times[index] ?? null })),
      breaches: [
        ...verdict.breaches,
        ...stuck,
        ...(await retryWhileUnavailable(() => checkEncryptedContents(pool, since))),
        ...died.map((what): Breach => ({ kind: 'died', what })),
      ],
      explained: verdict.explained,
      repeated: verdict.repeated,
      encryptions: await retryWhileUnavailable(() => countEncryptions(pool, since)),
      seconds: (performance.now() - startedAt) / 1_000,
    };
  } finally {
    over.abort();
    await people;
  }
}

function ofRound<T extends { key: string }>(all: readonly T[], round: number): T[] {
  return all.filter(({ key }) => key.startsWith(`${round}.`));
}

function forksOf({ runs }: Observations, orders: readonly SubmittedRun[]): number {
  const ids = new Set(orders.map(({ id }) => id));
  return runs.filter(({ forked_from }) => forked_from !== null && ids.has(forked_from)).length;
}

async function stepsOf({ server }: World, since: Date): Promise<number> {
  const { rows } = await server.pool.query(
    `select coalesce(sum(coalesce(h.step_count, e.step_count) - coalesce(e.forked_from_seq, 0)), 0)::int as steps
     from howdah.executions as e
     left join howdah_private.run_heads as h on h.execution_id = e.id
     where e.created_at >= $1`,
    [since],
  );
  return rows[0].steps;
}

/** Waits until this finds no run any more; when none of them moves any more, those that are left are breaches. */
async function waitUntilNone({ server }: World, round: number, query: string): Promise<Breach[]> {
  let before = '';
  let since = performance.now();
  for (;;) {
    const { rows } = await retryWhileUnavailable(() => server.pool.query(query));
    if (rows.length === 0) return [];
    const now = JSON.stringify(rows.map(({ id, state }) => `${id} ${state}`));
    if (now !== before) {
      before = now;
      since = performance.now();
    }
    if (performance.now() - since > STILL_MS) {
      return rows.slice(0, 20).map(
        ({ id, state }): Breach => ({
          kind: 'stuck',
          what: `${id} of round ${round} stands still: ${state}`,
        }),
      );
    }
    await sleep(200);
  }
}

// Who crashes and is claimed again makes no progress: neither owner nor fence are looked at.
const LIVE = `
  select e.id, concat_ws(' ', e.status, e.waiting_for, coalesce(h.step_count, e.step_count),
    'inbox ' || e.has_inbox, e.wake_at, 'crashes ' || e.crashes_without_progress) as state
  from howdah.executions as e
  left join howdah_private.run_heads as h on h.execution_id = e.id
  where e.completed_at is null order by e.id`;
