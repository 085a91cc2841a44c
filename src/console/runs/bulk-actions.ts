import { isJsonObject, type Json } from '../../json/json.ts';
import { request } from '../server/graphql.ts';
import {
  cancelRuns,
  type ExecutionFilter,
  type ExecutionStatus,
  type MatchingRuns,
  matchingRuns,
  pauseRuns,
  resumeRuns,
  retryRuns,
} from '../server/operations.generated.ts';

/** The actions on many runs, in the order of their buttons. */
export const BULK_ACTIONS = ['cancel', 'pause', 'resume', 'retry'] as const;
export type BulkAction = (typeof BULK_ACTIONS)[number];

/** The most runs that one action changes: one call of the API takes as many. */
export const MAX_MATCHING = 10_000;
/** Runs of one request. Fewer make the progress finer, and the locks of the database shorter. */
const AT_ONCE = 100;
const PAGE = 1_000;

/** Statuses to which an action applies. */
const APPLIES_TO: Readonly<Record<BulkAction, ExecutionStatus[]>> = {
  cancel: ['queued', 'running', 'waiting', 'paused'],
  pause: ['queued', 'running', 'waiting'],
  resume: ['paused'],
  retry: ['failed', 'cancelled'],
};

/** Returns the filter of the runs that match and that an action can change. */
export function changeable(filter: ExecutionFilter, action: BulkAction): ExecutionFilter {
  const conditions: ExecutionFilter[] = [filter, { status: { in: APPLIES_TO[action] } }];
  if (action === 'retry') conditions.push({ parentExecutionId: { isNull: true } });
  return { and: conditions };
}

/** The ids of runs, and whether more runs match than one action changes. */
export type Matching = { ids: readonly string[]; hasMore: boolean };

/** Reads the ids of the runs that match a filter, the newest first. */
export async function readMatching(filter: ExecutionFilter): Promise<Matching> {
  const ids: string[] = [];
  let after: string | null = null;
  do {
    const page: MatchingRuns = await request(matchingRuns, { filter, first: PAGE, after });
    for (const run of page.executions?.nodes ?? []) if (run) ids.push(run.id);
    const info = page.executions?.pageInfo;
    after = info?.hasNextPage ? info.endCursor : null;
  } while (after !== null && ids.length < MAX_MATCHING);
  return { ids: ids.slice(0, MAX_MATCHING), hasMore: after !== null };
}

/** Counts of runs so far: those changed, and the others by the reason of the refusal. */
export type Progress = { changed: number; refused: ReadonlyMap<string, number> };

/**
 * Changes runs, some at a time. Reports after each request, and returns before the next one if it
 * has been told to stop. Runs that cannot be changed are counted by reason.
 */
export async function changeRuns(
  action: BulkAction,
  ids: readonly string[],
  { report, isStopped }: { report(progress: Progress): void; isStopped(): boolean },
): Promise<void> {
  let changed = 0;
  const refused = new Map<string, number>();
  for (let from = 0; from < ids.length && !isStopped(); from += AT_ONCE) {
    const results = await change(action, ids.slice(from, from + AT_ONCE));
    for (const error of results) {
      if (error === null) changed += 1;
      else refused.set(reasonOf(error), (refused.get(reasonOf(error)) ?? 0) + 1);
    }
    report({ changed, refused: new Map(refused) });
  }
}

/** Returns the error of each run, null for one that was changed. */
async function change(action: BulkAction, some: readonly string[]): Promise<Json[]> {
  const ids = [...some];
  const requests = {
    cancel: async () => (await request(cancelRuns, { ids })).cancelExecutions,
    pause: async () => (await request(pauseRuns, { ids })).pauseExecutions,
    resume: async () => (await request(resumeRuns, { ids })).resumeExecutions,
    retry: async () => (await request(retryRuns, { ids })).retryExecutions,
  };
  const answer = await requests[action]();
  return (answer?.result ?? []).map((one) => one?.error ?? null);
}

/** Returns the reason of an error without the id of its run, so that equal reasons are counted. */
function reasonOf(error: Json): string {
  const message = isJsonObject(error) && typeof error.message === 'string' ? error.message : '';
  return message.replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, '…');
}
