import { useEffect, useEffectEvent, useMemo, useRef, useState } from 'react';
import { type Failure, toFailure } from '../server/failure.ts';
import { ask } from '../server/graphql.ts';
import {
  runEvents,
  runSteps,
  runTree,
  stepsAfter,
  type TimelineStep,
  type TreeRun,
} from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { useLive } from '../server/use-live.ts';
import type { StepsByRun } from './tree-rows.ts';

/** Bounds of what is loaded: runs of a tree, runs of one request, steps of one run and request. */
export const MOST_RUNS = 200;
const RUNS_AT_ONCE = 100;
const STEPS_AT_ONCE = 1_000;
/** Time in which changes are gathered before they are read. */
const GATHER_MS = 250;

export type RunTree = {
  runs: readonly TreeRun[];
  steps: StepsByRun;
  hasMoreRuns: boolean;
  isLoading: boolean;
  failure: Failure | undefined;
};

/**
 * Loads the runs and the steps of a tree, and follows a run that is at work with all runs below it.
 * An event only says which run has news; the steps after the last known one are then read.
 */
export function useRunTree(
  { id, root, isAtWork }: { id: string; root: string | undefined; isAtWork: boolean },
  onNews: () => void,
): RunTree {
  const tree = useAnswer(runTree, root === undefined ? undefined : { root, first: MOST_RUNS });
  const nodes = tree.data?.executions?.nodes;
  const runs = useMemo(() => nodes?.filter((one) => one !== null) ?? [], [nodes]);
  const { steps, failure, readNew } = useSteps(runs);
  const changed = useRef(new Set<string>());
  const timer = useRef<number>(undefined);
  const flush = useEffectEvent(() => {
    timer.current = undefined;
    const ids = [...changed.current];
    changed.current.clear();
    tree.reload();
    onNews();
    void readNew(ids);
  });
  useEffect(() => () => clearTimeout(timer.current), []);
  const { failure: liveFailure } = useLive(runEvents, isAtWork ? { id } : undefined, {
    onEvent({ executionEvents: event }) {
      changed.current.add(event?.executionId ?? id);
      timer.current ??= window.setTimeout(() => flush(), GATHER_MS);
    },
  });
  return {
    runs,
    steps,
    hasMoreRuns: tree.data?.executions?.pageInfo.hasNextPage ?? false,
    isLoading: tree.isLoading || (runs.length > 0 && steps.size === 0 && !failure),
    failure: tree.failure ?? failure ?? liveFailure,
  };
}

/** Keeps the steps of runs: each run is loaded once, and then read after its last step. */
function useSteps(runs: readonly TreeRun[]) {
  const [steps, setSteps] = useState<StepsByRun>(new Map());
  const [failure, setFailure] = useState<Failure>();
  const asked = useRef(new Set<string>());
  const add = (id: string, more: readonly TimelineStep[]) =>
    setSteps((last) => new Map(last).set(id, merge(last.get(id) ?? [], more)));
  const readNew = async (ids: readonly string[]) => {
    const known = ids.filter((id) => steps.has(id));
    try {
      for (const id of known) add(id, await readAfter(id, steps.get(id)?.at(-1)?.seq ?? 0));
    } catch (error) {
      setFailure(toFailure(error));
    }
  };
  // Fewer dependencies on purpose: only new runs are loaded
  useEffect(() => {
    const ids = runs.map(({ id }) => id).filter((id) => !asked.current.has(id));
    if (ids.length === 0) return;
    for (const id of ids) asked.current.add(id);
    loadSteps(ids, add).catch((error: unknown) => setFailure(toFailure(error)));
  }, [runs]);
  return { steps, failure, readNew };
}

async function loadSteps(
  ids: readonly string[],
  add: (id: string, steps: readonly TimelineStep[]) => void,
): Promise<void> {
  for (let at = 0; at < ids.length; at += RUNS_AT_ONCE) {
    const some = ids.slice(at, at + RUNS_AT_ONCE);
    const { executions } = await ask(runSteps, { ids: some, first: STEPS_AT_ONCE });
    for (const run of executions?.nodes ?? []) {
      if (!run) continue;
      const first = run.timeline.nodes.filter((one) => one !== null);
      add(run.id, first);
      if (first.length === STEPS_AT_ONCE) add(run.id, await readAfter(run.id, STEPS_AT_ONCE));
    }
  }
}

/** Reads the steps of a run after a step, in as many requests as they need. */
async function readAfter(id: string, after: number): Promise<TimelineStep[]> {
  const all: TimelineStep[] = [];
  for (let last = after; ; ) {
    const { executionTimelines } = await ask(stepsAfter, { id, after: last, first: STEPS_AT_ONCE });
    const page = executionTimelines?.nodes.filter((one) => one !== null) ?? [];
    all.push(...page);
    last = page.at(-1)?.seq ?? last;
    if (page.length < STEPS_AT_ONCE) return all;
  }
}

/** Adds steps to steps in order. Steps that are known already are left out. */
function merge(known: readonly TimelineStep[], more: readonly TimelineStep[]): TimelineStep[] {
  const last = known.at(-1)?.seq ?? 0;
  return [...known, ...more.filter(({ seq }) => (seq ?? 0) > last)];
}
