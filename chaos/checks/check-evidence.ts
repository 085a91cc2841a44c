import type { SubmittedRun } from '../load/submit-runs.ts';
import { expectedOutput, simulateTeam } from '../load/expected-output.ts';
import { isBroken, parseTeamName } from '../load/run-keys.ts';
import type { CallRow, Observations, RunRow } from './observe-round.ts';
import { findPlannedCall } from '../load/plan.ts';
import type { Effect } from '../load/shop-tools.ts';

// Holds what was promised against what is there. Pure: the same observations give the same breaches.

export type Breach = {
  kind: 'lost' | 'doubled' | 'asked too often' | 'zombie' | 'violation' | 'stuck' | 'died';
  what: string;
};

export type Evidence = Observations & {
  seed: number;
  orders: readonly SubmittedRun[];
  effects: readonly Effect[];
  /** Requests that the model server got, by key. */
  requests: ReadonlyMap<string, number>;
  /** Models could not be reached, or their answers not be heard in time: a run may have used up its attempts. */
  isModelCut: boolean;
  /** Workers died or were taken for dead: a run that was there three times may have been taken for poison. */
  deaths: number;
};

export type Verdict = {
  breaches: Breach[];
  /** Runs that ended otherwise than they would have, for a reason that was injected. */
  explained: number;
  /** Model requests beyond one for each answer and each failed attempt in a log. */
  repeated: number;
};

const OF_THE_MODEL = ['rate_limited', 'overloaded', 'unreachable', 'timeout', 'bad_answer'];

export function check(evidence: Evidence): Verdict {
  const explained = new Set(evidence.runs.filter((run) => isExplained(run, evidence)));
  return {
    breaches: [
      ...lostOrders(evidence, explained),
      ...wrongEnds(evidence, explained),
      ...wrongMembers(evidence, explained),
      ...checkBookings(evidence),
      ...checkEffects(evidence),
      ...checkInputs(evidence),
      ...checkRequests(evidence),
      ...evidence.zombies.map(({ execution_id, seq, worker }) => ({
        kind: 'zombie' as const,
        what: `step ${seq} of ${execution_id} is of ${worker}, who did not own it`,
      })),
      ...evidence.violations.map(({ rule, execution_id, detail }) => ({
        kind: 'violation' as const,
        what: `${rule} ${execution_id ?? ''}: ${detail}`,
      })),
    ],
    explained: explained.size,
    repeated: unloggedRequests(evidence),
  };
}

function isExplained(
  { key, status, stop_reason, error_code }: RunRow,
  evidence: Evidence,
): boolean {
  if (status !== 'failed' || isBroken(key)) return false;
  return (
    (stop_reason === 'poison' && evidence.deaths >= 3) ||
    (evidence.isModelCut && OF_THE_MODEL.includes(error_code ?? ''))
  );
}

function lostOrders({ orders, runs }: Evidence, explained: ReadonlySet<RunRow>): Breach[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const rootsWithTrouble = rootsOf(explained, runs);
  return orders.flatMap((order): Breach[] => {
    const run = byId.get(order.id);
    const who = `run ${order.plan.key} (${order.id})`;
    if (!run) {
      const what = `${who} was acknowledged and is not there`;
      return order.isAcknowledged ? [{ kind: 'lost', what }] : [];
    }
    const forks = runs.filter((one) => one.forked_from === order.id).length;
    if (order.forked === 'yes' ? forks !== 1 : forks > (order.forked === 'unknown' ? 1 : 0)) {
      return [{ kind: forks > 1 ? 'doubled' : 'lost', what: `${who} has ${forks} forks` }];
    }
    if (order.cancelled === 'yes' && run.status !== 'cancelled') {
      return [{ kind: 'lost', what: `${who} was cancelled, and is ${run.status}` }];
    }
    const mayBeCancelled =
      order.cancelled !== undefined || order.plan.session?.policy === 'interrupt';
    const isRight =
      run.status === 'completed' ||
      explained.has(run) ||
      (order.plan.team && run.error_code === 'member_failed' && rootsWithTrouble.has(run.id)) ||
      (run.status === 'cancelled' && mayBeCancelled);
    return isRight ? [] : [{ kind: 'lost', what: `${who} ended ${endOf(run)}` }];
  });
}

function endOf(run: RunRow): string {
  return `${run.status} ${run.stop_reason ?? ''} ${run.error_code ?? ''}`;
}

/** The whole of what hangs together with them; a fork begins with what its original heard, and says it again. */
function rootsOf(explained: ReadonlySet<RunRow>, runs: readonly RunRow[]): Set<string> {
  const roots = new Set([...explained].map((run) => run.root));
  const rootOf = new Map(runs.map((run) => [run.id, run.root]));
  const forks = runs.filter((run) => roots.has(rootOf.get(run.forked_from ?? '') ?? ''));
  return new Set([...roots, ...forks.map((run) => run.root)]);
}

/** Every run below an order, and every fork, ends as its root lets it; who completed says what is known. */
function wrongEnds({ seed, runs }: Evidence, explained: ReadonlySet<RunRow>): Breach[] {
  const rootsWithTrouble = rootsOf(explained, runs);
  const endedRoots = new Set(
    runs.filter((run) => run.id === run.root && run.status !== 'completed').map((run) => run.id),
  );
  return runs.flatMap((run): Breach[] => {
    const who = `run ${run.key} (${run.id})`;
    if (!['completed', 'failed', 'cancelled'].includes(run.status)) {
      return [{ kind: 'stuck', what: `${who} is ${run.status}` }];
    }
    const isEntitled =
      run.id === run.root || // lostOrders has looked at it
      rootsWithTrouble.has(run.root) ||
      (run.status === 'failed' && isBroken(run.key)) ||
      (run.status === 'cancelled' && endedRoots.has(run.root));
    if (run.status !== 'completed') {
      return isEntitled ? [] : [{ kind: 'lost', what: `${who} ended ${endOf(run)}` }];
    }
    if (rootsWithTrouble.has(run.root)) return [];
    const expected = expectedOutput(seed, run.key);
    return run.output === expected
      ? []
      : [{ kind: 'lost', what: `${who} says ${run.output}, and not ${expected}` }];
  });
}

/** A workflow that completed has asked each member as often as its type says, and nobody else; and waited for all of them. */
function wrongMembers({ seed, runs }: Evidence, explained: ReadonlySet<RunRow>): Breach[] {
  const rootsWithTrouble = rootsOf(explained, runs);
  const children = Map.groupBy(runs, ({ parent }) => parent);
  return runs.flatMap((run): Breach[] => {
    const isJudged = run.status === 'completed' && !rootsWithTrouble.has(run.root);
    if (!isJudged || !parseTeamName(run.key)) return [];
    const members = children.get(run.id) ?? [];
    const there = count(members, ({ key }) => key);
    const due = count(simulateTeam(seed, run.key).members, (key) => key);
    const late = members
      .filter(({ ended }) => (ended ?? 0) > (run.ended ?? 0))
      .map(({ key }): Breach => ({ kind: 'lost', what: `${run.key} did not wait for ${key}` }));
    const wrong = [...new Set([...there.keys(), ...due.keys()])].flatMap((key): Breach[] => {
      const [times, most] = [there.get(key) ?? 0, due.get(key) ?? 0];
      const what = `${run.key} (${run.id}) began ${key} ${times} times, and not ${most}`;
      return times === most ? [] : [{ kind: times > most ? 'doubled' : 'lost', what }];
    });
    return [...wrong, ...late];
  });
}

/** A tool in SQL: as many rows as finished calls, for each key. */
function checkBookings({ bookings, calls }: Evidence): Breach[] {
  const rows = count(bookings, (key) => key);
  const steps = count(
    calls.filter(({ tool }) => tool === 'book'),
    ({ key }) => key,
  );
  const keys = new Set([...rows.keys(), ...steps.keys()]);
  return [...keys].flatMap((key): Breach[] => {
    const [there, logged] = [rows.get(key) ?? 0, steps.get(key) ?? 0];
    if (there === logged) return [];
    const what = `book ${key}: ${there} rows, ${logged} steps`;
    return [{ kind: there > logged ? 'doubled' : 'lost', what }];
  });
}

const ACTING = ['note', 'pay', 'careful'];

/** A tool outside: what is logged was done; what must happen once did, unless a person said again; one key per call. */
function checkEffects({ seed, effects, calls, agains }: Evidence): Breach[] {
  const place = ({ execution_id, key }: Omit<CallRow, 'tool'>) => `${execution_id} ${key}`;
  const done = Map.groupBy(effects, place);
  const again = count(agains, place);
  const missing = calls
    .filter((call) => ACTING.includes(call.tool) && !done.has(place(call)))
    .map((call): Breach => ({ kind: 'lost', what: `${call.tool} ${place(call)} was never done` }));
  const wrong = [...done].flatMap(([at, all]): Breach[] => {
    const { tool, key } = all[0] as Effect;
    const keys = new Set(all.map((effect) => effect.idempotency_key)).size;
    if (keys > 1) {
      return [{ kind: 'doubled', what: `${tool} ${at} had ${keys} idempotency keys` }];
    }
    if (tool === 'pay' && all.length > 1 + (again.get(at) ?? 0)) {
      return [{ kind: 'doubled', what: `${tool} ${at} was done ${all.length} times` }];
    }
    return findPlannedCall(seed, key)?.rejected
      ? [{ kind: 'doubled', what: `${tool} ${at} was done though it was rejected` }]
      : [];
  });
  // A finished call that a person said was done may have been done by the run it was forked from.
  const forked = new Set(effects.map(({ key }) => key));
  return [...missing.filter(({ what }) => !forked.has(what.split(' ')[2] ?? '')), ...wrong];
}

/** What a run was told while it lived, it was told once. */
function checkInputs({ orders, runs }: Evidence): Breach[] {
  const byId = new Map(runs.map((run) => [run.id, run]));
  return orders.flatMap((order): Breach[] => {
    const run = byId.get(order.id);
    if (!order.steered || run?.status !== 'completed') return [];
    const times = run.heard.filter((content) => content.startsWith('[steer:')).length;
    const isRight =
      order.steered === 'unknown' ? times < 2 : times === (order.steered === 'yes' ? 1 : 0);
    const what = `run ${order.plan.key} was steered (${order.steered}) and heard it ${times} times`;
    return isRight ? [] : [{ kind: times > 1 ? 'doubled' : 'lost', what }];
  });
}

/** A model is asked once for each answer and each failed attempt, and once more for each time a run changed hands. */
function checkRequests(evidence: Evidence): Breach[] {
  const bound = new Map<string, number>();
  for (const run of evidence.runs) {
    bound.set(run.key, (bound.get(run.key) ?? 0) + loggedRequests(run) + run.interruptions);
  }
  return [...bound].flatMap(([key, most]): Breach[] => {
    const times = evidence.requests.get(key) ?? 0;
    const what = `the model was asked ${times} times for ${key}, at most ${most} are accounted for`;
    return times > most ? [{ kind: 'asked too often', what }] : [];
  });
}

/** A refusal that ends the run stands in no step of its own. */
function loggedRequests({ key, model_steps, model_retries }: RunRow): number {
  return model_steps + model_retries + (isBroken(key) ? 1 : 0);
}

/** Requests that are in no log, but for what a run that was cancelled had in the air. */
function unloggedRequests({ runs, requests }: Evidence): number {
  const due = new Map<string, number>();
  for (const run of runs) {
    const inTheAir = run.status === 'cancelled' ? 1 : 0;
    due.set(run.key, (due.get(run.key) ?? 0) + loggedRequests(run) + inTheAir);
  }
  return [...due].reduce(
    (sum, [key, most]) => sum + Math.max(0, (requests.get(key) ?? 0) - most),
    0,
  );
}

function count<T>(items: readonly T[], by: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(by(item), (counts.get(by(item)) ?? 0) + 1);
  return counts;
}
