import { useEffect, useMemo, useState } from 'react';
import type { Failure } from '../server/failure.ts';
import { applyListEvent, type FollowedList, isShort, startList } from '../server/list-events.ts';
import {
  agentNames,
  type RunRow,
  runsFeed,
  runs as runsQuery,
} from '../server/operations.generated.ts';
import { useAnswer } from '../server/use-answer.ts';
import { useLive } from '../server/use-live.ts';
import {
  firstIdSince,
  isRef,
  type KnownNames,
  type RunFilter,
  readMetadata,
  toFeedFilter,
  toQueryFilter,
  writeFilter,
} from './run-filter.ts';

/** Rows of a page. */
export const PAGE = 50;

/** A page of the list of runs, which changes as the runs change. */
export type RunList = {
  rows: readonly RunRow[];
  isLoading: boolean;
  failure: Failure | undefined;
  /** Set if the page cannot follow the runs now. */
  liveFailure: Failure | undefined;
  /** The cursor of the next page, if there is one. */
  next: string | undefined;
  reload(): void;
  /** Follows the runs anew after a failure. */
  restart(): void;
};

/** Returns the ids of agents and workflows by name; undefined until they are loaded. */
export function useKnownNames(): KnownNames | undefined {
  return useNames().known;
}

/** Reads the ids of agents and workflows by name. After a failure no name is known. */
export function useNames() {
  const { data, failure, reload } = useAnswer(agentNames, {});
  const known = useMemo((): KnownNames | undefined => {
    if (!data && !failure) return undefined;
    const ids = (nodes: readonly ({ id: string; name: string } | null)[] = []) =>
      new Map(nodes.flatMap((one) => (one ? [[one.name, one.id] as const] : [])));
    return { agents: ids(data?.agents?.nodes), workflows: ids(data?.workflows?.nodes) };
  }, [data, failure]);
  return { known, failure, reload };
}

/** Loads a page of runs. The first page is live unless it is paused. */
export function useRuns(
  filter: RunFilter,
  names: KnownNames | undefined,
  { after, isLive }: { after: string | undefined; isLive: boolean },
): RunList {
  const text = writeFilter(filter);
  // Fewer dependencies on purpose: a span counts from the last change
  const now = useMemo(() => Date.now(), [text]);
  const isValid =
    (filter.metadata === undefined || readMetadata(filter.metadata) !== undefined) &&
    (filter.ref === undefined || isRef(filter.ref));
  const needsNames = (filter.agent ?? filter.workflow) !== undefined;
  const known = names ?? (needsNames ? undefined : NO_NAMES);
  const isReady = isValid && known !== undefined;
  const [withInput, setWithInput] = useState(true);
  const where = isReady ? toQueryFilter(filter, known, now) : undefined;
  const page = useAnswer(
    runsQuery,
    where && { filter: where, first: PAGE, after: after ?? null, withInput },
  );
  const isTooLarge = page.failure?.limit !== undefined && withInput;
  useEffect(() => {
    if (isTooLarge) setWithInput(false); // the inputs of these runs are longer than an answer
  }, [isTooLarge]);
  const feed = isReady && after === undefined ? toFeedFilter(filter, known) : undefined;
  const first = filter.since && firstIdSince(filter.since, now);
  const followed = useFollowedRuns(feed, { isLive, withInput });
  const loaded = page.data?.executions?.nodes.filter((one) => one !== null) ?? [];
  return {
    rows: followed.rows?.filter(({ id }) => first === undefined || id >= first) ?? loaded,
    isLoading: (page.isLoading || isTooLarge || !isReady) && isValid,
    failure: isTooLarge ? undefined : page.failure,
    liveFailure: followed.failure,
    next: nextOf(page.data?.executions?.pageInfo),
    reload: page.reload,
    restart: followed.restart,
  };
}

const NO_NAMES: KnownNames = { agents: new Map(), workflows: new Map() };

function nextOf(info: { hasNextPage: boolean; endCursor: string | null } | undefined) {
  return info?.hasNextPage ? (info.endCursor ?? undefined) : undefined;
}

/**
 * Follows the newest runs of a filter. The rows are kept while the list is paused, and belong to
 * the filter that they were read for: under another filter there are none.
 */
function useFollowedRuns(
  filter: ReturnType<typeof toFeedFilter>,
  { isLive, withInput }: { isLive: boolean; withInput: boolean },
) {
  const key = filter && JSON.stringify(filter);
  const [followed, setFollowed] = useState<{ key: string; list: FollowedList<RunRow> }>();
  const list = followed?.key === key ? followed?.list : undefined;
  const { failure, restart } = useLive(
    runsFeed,
    isLive && filter ? { filter, first: PAGE, withInput } : undefined,
    {
      onStart: () => key !== undefined && setFollowed({ key, list: startList(list) }),
      onEvent({ executionsFeed: event }) {
        if (!event) return;
        const { kind, executions, removedIds } = event;
        const news = { kind, rows: executions, removedIds };
        setFollowed((last) => last && { ...last, list: applyListEvent(last.list, news, PAGE) });
      },
    },
  );
  const needsMore = isShort(list, PAGE);
  useEffect(() => {
    if (needsMore) restart();
  }, [needsMore, restart]);
  return { rows: list?.isComplete ? list.rows : undefined, failure, restart };
}
