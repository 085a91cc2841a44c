import type {
  ExecutionStatus,
  TimelineStep,
  TreeRun,
  WaitingReason,
} from '../server/operations.generated.ts';

/** The state of a member in a run: of its runs, or of the question to a person. */
export type MemberState = {
  /** Undefined if the member has not started. */
  status: ExecutionStatus | undefined;
  waitingFor: WaitingReason | null;
  /** How many times the member has started. */
  count: number;
  /** The newest run of the member that is loaded. */
  runId: string | undefined;
};

/** The order in which the state of a member with several runs is that of one of them. */
const ORDER: readonly ExecutionStatus[] = [
  ...(['running', 'waiting', 'queued', 'paused'] as const),
  ...(['failed', 'cancelled', 'completed'] as const),
];

/**
 * Returns the states of members by name. A step names the member that it started; `starts` has the
 * run of each such step. A member without a run is a person, who was asked a question.
 */
export function memberStates(
  steps: readonly TimelineStep[],
  starts: ReadonlyMap<number, string>,
  runs: readonly TreeRun[],
): ReadonlyMap<string, MemberState> {
  const byId = new Map(runs.map((run) => [run.id, run]));
  const states = new Map<string, MemberState>();
  const startSteps = steps.filter(({ kind }) => kind === 'child_started' || kind === 'question');
  for (const [name, own] of Map.groupBy(startSteps, (step) => step.name ?? '')) {
    const found = own.flatMap(({ seq }) => byId.get(starts.get(seq ?? 0) ?? '') ?? []);
    const run = found.toSorted(
      (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || (a.id < b.id ? 1 : -1),
    )[0];
    const answers = steps.filter((step) => step.kind === 'answer' && step.name === name).length;
    const asked = own.filter(({ kind }) => kind === 'question').length;
    const ofPerson = asked === 0 ? undefined : answers < asked ? 'waiting' : 'completed';
    states.set(name, {
      status: run?.status ?? ofPerson ?? 'queued',
      waitingFor: run ? run.waitingFor : ofPerson === 'waiting' ? 'question' : null,
      count: own.length,
      runId: run?.id,
    });
  }
  return states;
}
