import { expectedOutput, simulateTeam } from '../load/expected-output.ts';
import { isBrokenMember, parseTeamName } from '../load/run-keys.ts';
import type { Effect } from '../load/shop-tools.ts';
import type { SubmittedRun } from '../load/submit-runs.ts';
import type { Breach } from './breach.ts';
import { checkBookings, checkEffects } from './check-effects.ts';
import { count } from './count.ts';
import type { Observations, RunRow } from './observe-round.ts';

// Compares the runs, effects and model requests of a round with those that follow from its plan.
// The functions are pure: the same evidence yields the same breaches.

/** Everything that is known about a round. */
export type Evidence = Observations & {
  seed: number;
  submitted: readonly SubmittedRun[];
  effects: readonly Effect[];
  /** Number of requests that the model server received, by key of the run. */
  requests: ReadonlyMap<string, number>;
  /**
   * Whether models were unreachable, or workers too slow to read their answers. A run may then have
   * used up its attempts.
   */
  isModelCut: boolean;
  /**
   * Number of faults that killed workers or let them appear dead. They explain a run that was
   * stopped as poison.
   */
  deaths: number;
};

export type Verdict = {
  breaches: Breach[];
  /** Number of runs that failed because of an injected fault. */
  explained: number;
  /** Number of model requests in excess of the answers and failed attempts in the logs. */
  repeated: number;
};

/** Number of lost workers after which a run is stopped as poison. */
export const DEATHS_BEFORE_POISON = 3;
const MODEL_ERRORS = ['rate_limited', 'overloaded', 'unreachable', 'timeout', 'bad_answer'];

/** Returns the breaches of a round, and counts what its faults explain. */
export function checkEvidence(evidence: Evidence): Verdict {
  const explained = new Set(evidence.runs.filter((run) => isExplained(run, evidence)));
  return {
    breaches: [
      ...checkSubmittedRuns(evidence, explained),
      ...checkEnds(evidence, explained),
      ...checkMembers(evidence, explained),
      ...checkBookings(evidence),
      ...checkEffects(evidence),
      ...checkInputs(evidence),
      ...checkRequests(evidence),
      ...evidence.zombies.map(({ execution_id, seq, worker }) => ({
        kind: 'zombie' as const,
        what: `step ${seq} of ${execution_id} was committed by ${worker}, which did not own the run`,
      })),
      ...evidence.violations.map(({ rule, execution_id, detail }) => ({
        kind: 'violation' as const,
        what: `${rule} ${execution_id ?? ''}: ${detail}`,
      })),
    ],
    explained: explained.size,
    repeated: countUnloggedRequests(evidence),
  };
}

/** Returns whether the run failed because of an injected fault. */
function isExplained(
  { key, status, stop_reason, error_code }: RunRow,
  evidence: Evidence,
): boolean {
  if (status !== 'failed' || isBrokenMember(key)) return false;
  return (
    (stop_reason === 'poison' && evidence.deaths >= DEATHS_BEFORE_POISON) ||
    (evidence.isModelCut && MODEL_ERRORS.includes(error_code ?? ''))
  );
}

/** Checks that every acknowledged run exists, and reflects every acknowledged control. */
function checkSubmittedRuns(
  { submitted, runs }: Evidence,
  explained: ReadonlySet<RunRow>,
): Breach[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const excusedRoots = findExcusedRoots(explained, runs);
  return submitted.flatMap((entry): Breach[] => {
    const run = byId.get(entry.id);
    const name = `run ${entry.plan.key} (${entry.id})`;
    if (!run) {
      const what = `${name} was acknowledged and does not exist`;
      return entry.isAcknowledged ? [{ kind: 'lost', what }] : [];
    }
    const forks = runs.filter((one) => one.forked_from === entry.id).length;
    if (entry.forked === 'yes' ? forks !== 1 : forks > (entry.forked === 'unknown' ? 1 : 0)) {
      const what = `${name} has ${forks} forks; a fork was acknowledged: ${entry.forked ?? 'none was requested'}`;
      return [{ kind: forks > 1 ? 'doubled' : 'lost', what }];
    }
    if (entry.cancelled === 'yes' && run.status !== 'cancelled') {
      return [{ kind: 'lost', what: `${name} was cancelled, and its status is ${run.status}` }];
    }
    const mayBeCancelled =
      entry.cancelled !== undefined || entry.plan.session?.policy === 'interrupt';
    const isAllowed =
      run.status === 'completed' ||
      explained.has(run) ||
      (entry.plan.team && run.error_code === 'member_failed' && excusedRoots.has(run.id)) ||
      (run.status === 'cancelled' && mayBeCancelled);
    return isAllowed ? [] : [{ kind: 'lost', what: `${name} ended as ${describeEnd(run)}` }];
  });
}

function describeEnd(run: RunRow): string {
  return `${run.status} ${run.stop_reason ?? ''} ${run.error_code ?? ''}`;
}

/**
 * Returns the roots of the trees in which some run failed because of a fault, and of their forks. A
 * fork copies the history of its original, with the results of such a failure.
 */
function findExcusedRoots(explained: ReadonlySet<RunRow>, runs: readonly RunRow[]): Set<string> {
  const roots = new Set([...explained].map((run) => run.root));
  const rootById = new Map(runs.map((run) => [run.id, run.root]));
  const forks = runs.filter((run) => roots.has(rootById.get(run.forked_from ?? '') ?? ''));
  return new Set([...roots, ...forks.map((run) => run.root)]);
}

/**
 * Checks that every run has ended, and that completed runs have the expected output. A run below
 * another may be cancelled only if its root did not complete.
 */
function checkEnds({ seed, runs }: Evidence, explained: ReadonlySet<RunRow>): Breach[] {
  const excusedRoots = findExcusedRoots(explained, runs);
  const uncompletedRoots = new Set(
    runs.filter((run) => run.id === run.root && run.status !== 'completed').map((run) => run.id),
  );
  return runs.flatMap((run): Breach[] => {
    const name = `run ${run.key} (${run.id})`;
    if (!['completed', 'failed', 'cancelled'].includes(run.status)) {
      return [{ kind: 'stuck', what: `${name} is ${run.status}` }];
    }
    const mayFail =
      run.id === run.root || // checked by checkSubmittedRuns
      excusedRoots.has(run.root) ||
      (run.status === 'failed' && isBrokenMember(run.key)) ||
      (run.status === 'cancelled' && uncompletedRoots.has(run.root));
    if (run.status !== 'completed') {
      return mayFail ? [] : [{ kind: 'lost', what: `${name} ended as ${describeEnd(run)}` }];
    }
    if (excusedRoots.has(run.root)) return [];
    const expected = expectedOutput(seed, run.key);
    return run.output === expected
      ? []
      : [{ kind: 'lost', what: `${name} has output ${run.output}; expected: ${expected}` }];
  });
}

/**
 * Checks that every completed workflow started each member as often as its type prescribes, started
 * no other run, and waited for all of them.
 */
function checkMembers({ seed, runs }: Evidence, explained: ReadonlySet<RunRow>): Breach[] {
  const excusedRoots = findExcusedRoots(explained, runs);
  const children = Map.groupBy(runs, ({ parent }) => parent);
  return runs.flatMap((run): Breach[] => {
    const isChecked = run.status === 'completed' && !excusedRoots.has(run.root);
    if (!isChecked || !parseTeamName(run.key)) return [];
    const members = children.get(run.id) ?? [];
    const started = count(members, ({ key }) => key);
    const expected = count(simulateTeam(seed, run.key).members, (key) => key);
    const late = members
      .filter(({ ended }) => (ended ?? 0) > (run.ended ?? 0))
      .map(({ key }): Breach => ({ kind: 'lost', what: `${run.key} did not wait for ${key}` }));
    const wrong = [...new Set([...started.keys(), ...expected.keys()])].flatMap((key): Breach[] => {
      const [times, due] = [started.get(key) ?? 0, expected.get(key) ?? 0];
      const what = `${run.key} (${run.id}) started ${key} ${times} times; expected: ${due}`;
      return times === due ? [] : [{ kind: times > due ? 'doubled' : 'lost', what }];
    });
    return [...wrong, ...late];
  });
}

/** Checks that every steering message was delivered once. */
function checkInputs({ submitted, runs }: Evidence): Breach[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  return submitted.flatMap((entry): Breach[] => {
    const run = byId.get(entry.id);
    if (!entry.steered || run?.status !== 'completed') return [];
    const times = run.inputs.filter((content) => content.startsWith('[steer:')).length;
    const isRight =
      entry.steered === 'unknown' ? times < 2 : times === (entry.steered === 'yes' ? 1 : 0);
    const what = `run ${entry.plan.key} received its steering message ${times} times; it was acknowledged: ${entry.steered}`;
    return isRight ? [] : [{ kind: times > 1 ? 'doubled' : 'lost', what }];
  });
}

/**
 * Checks that models received no more requests than the logs explain: one for each answer and each
 * failed attempt, and one for each time a worker lost the run.
 */
function checkRequests(evidence: Evidence): Breach[] {
  const bounds = new Map<string, number>();
  for (const run of evidence.runs) {
    bounds.set(run.key, (bounds.get(run.key) ?? 0) + countLoggedRequests(run) + run.interruptions);
  }
  return [...bounds].flatMap(([key, bound]): Breach[] => {
    const times = evidence.requests.get(key) ?? 0;
    const what = `the model received ${times} requests for ${key}; the logs explain ${bound}`;
    return times > bound ? [{ kind: 'asked too often', what }] : [];
  });
}

/** Counts the requests in the log of a run. A rejected request that ends the run has no step. */
function countLoggedRequests({ key, model_steps, model_retries }: RunRow): number {
  return model_steps + model_retries + (isBrokenMember(key) ? 1 : 0);
}

/** Counts the requests in no log. A cancelled run may have had one request in flight. */
function countUnloggedRequests({ runs, requests }: Evidence): number {
  const bounds = new Map<string, number>();
  for (const run of runs) {
    const inFlight = run.status === 'cancelled' ? 1 : 0;
    bounds.set(run.key, (bounds.get(run.key) ?? 0) + countLoggedRequests(run) + inFlight);
  }
  return [...bounds].reduce(
    (sum, [key, bound]) => sum + Math.max(0, (requests.get(key) ?? 0) - bound),
    0,
  );
}
