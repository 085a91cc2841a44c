import { useEffect, useMemo, useRef, useState } from 'react';
import { PASSING_EVENTS, STARTED_EVENT, STEP_EVENTS, useNews } from '../parts/use-news.ts';
import type { Failure } from '../server/failure.ts';
import { request } from '../server/graphql.ts';
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
import { type LoadedSteps, StepLoader, type StepPage, type StepRequests } from './step-loader.ts';
import { mergeRuns, type StepsByRun } from './tree-rows.ts';

/** Bounds of what is loaded: runs of a tree, and steps of one run and request. */
export const MAX_RUNS = 200;
const STEPS_AT_ONCE = 1_000;
/** Least time between two readings of a run whose steps alone have changed. */
const SUMS_PAUSE_MS = 1_000;

export type RunTree = {
  runs: readonly TreeRun[];
  steps: StepsByRun;
  hasMoreRuns: boolean;
  isLoading: boolean;
  failure: Failure | undefined;
  /** Loads the tree again, reads the steps that are missing, and follows the run anew. */
  reload(): void;
};

type Subject = { run: TreeRun & { rootExecutionId: string }; isAtWork: boolean };

/**
 * Loads the runs and the steps of a tree, and follows a run that is at work with all runs below it.
 * An event only says which run has news; the steps after the last known one are then read.
 */
export function useRunTree({ run, isAtWork }: Subject, onNews: () => void): RunTree {
  const { id } = run;
  const isBelow = run.rootExecutionId !== id;
  const tree = useAnswer(runTree, { root: run.rootExecutionId, id, isBelow, first: MAX_RUNS });
  const { data } = tree;
  const runs = useMemo(
    () => (data ? mergeRuns(run, data.below?.nodes, data.executions?.nodes) : []),
    [data, run],
  );
  const steps = useSteps(runs);
  const readSums = useNews(onNews, SUMS_PAUSE_MS);
  const live = useEventsOfTree({ id, isAtWork }, ({ ids, isTreeChanged, hasStepsOnly }) => {
    if (isTreeChanged) tree.reload();
    if (hasStepsOnly) readSums();
    else onNews();
    void steps.readNews(ids);
  });
  return {
    runs,
    steps: steps.steps,
    hasMoreRuns: [data?.executions, data?.below].some((list) => list?.pageInfo.hasNextPage),
    isLoading: tree.isLoading || (runs.length > 0 && steps.steps.size === 0 && !steps.failure),
    failure: tree.failure ?? steps.failure ?? live.failure,
    reload() {
      tree.reload();
      void steps.retry();
      live.restart();
    },
  };
}

/** The runs with news. The run of the page is read by itself, so the tree changes by other runs. */
type News = { ids: readonly string[]; isTreeChanged: boolean; hasStepsOnly: boolean };

/** Follows a run and all runs below it. Says which of them have news, after a short pause. */
function useEventsOfTree(
  { id, isAtWork }: { id: string; isAtWork: boolean },
  onNews: (news: News) => void,
) {
  const changed = useRef(new Set<string>());
  const events = useRef(new Set<string | null | undefined>());
  const flush = useNews(() => {
    const ids = [...changed.current];
    const isTreeChanged = events.current.has(STARTED_EVENT) || ids.some((one) => one !== id);
    const hasStepsOnly = [...events.current].every((one) => one && STEP_EVENTS.includes(one));
    changed.current.clear();
    events.current.clear();
    onNews({ ids, isTreeChanged, hasStepsOnly });
  });
  const gather = (changedId: string, event?: string | null) => {
    changed.current.add(changedId);
    events.current.add(event);
    flush();
  };
  const cursor = useRef<string>(null);
  const { failure, restart } = useLive(runEvents, isAtWork ? { id } : undefined, {
    resume: () => ({ after: cursor.current }),
    onEvent({ executionEvents: event }) {
      cursor.current = event?.cursor ?? cursor.current;
      if (event && PASSING_EVENTS.includes(event.event)) return;
      gather(event?.executionId ?? id, event?.event);
    },
    onEnd: () => gather(id),
  });
  return {
    failure,
    restart() {
      cursor.current = null;
      restart();
    },
  };
}

/** Keeps the steps of runs: each run is loaded once, and then read after its last step. */
function useSteps(runs: readonly TreeRun[]) {
  const [loaded, setLoaded] = useState<LoadedSteps>({ steps: new Map(), failure: undefined });
  const [loader] = useState(() => new StepLoader(requests, setLoaded));
  useEffect(() => void loader.add(runs.map(({ id }) => id)), [loader, runs]);
  return {
    ...loaded,
    readNews: (ids: readonly string[]) => loader.readNews(ids),
    retry: () => loader.retry(),
  };
}

const requests: StepRequests = {
  async readFirst(ids) {
    const { executions } = await request(runSteps, { ids: [...ids], first: STEPS_AT_ONCE });
    const found = executions?.nodes.filter((one) => one !== null) ?? [];
    return new Map(found.map(({ id, timeline }) => [id, pageOf(timeline.nodes)]));
  },
  async readAfter(id, after) {
    const { executionTimelines } = await request(stepsAfter, { id, after, first: STEPS_AT_ONCE });
    return pageOf(executionTimelines?.nodes ?? []);
  },
};

function pageOf(nodes: readonly (TimelineStep | null)[]): StepPage {
  return { steps: nodes.filter((one) => one !== null), hasMore: nodes.length === STEPS_AT_ONCE };
}
