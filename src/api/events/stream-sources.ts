import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import { visibleTo, type Watching } from '../../db/access/subjects.ts';
import type { DecryptRunRows } from '../../db/connection/decrypt-results.ts';
import type { Pool, Queryable } from '../../db/connection/pool.ts';
import { type StepRow, stepDetails } from '../../db/feed/step-details.ts';
import { executionsById, liveChildrenOf, turnsFrom } from '../../db/feed/stream-queries.ts';
import {
  lastPosition,
  positionOfQuestion,
  readRunPlaces,
  treeCursors,
} from '../../db/feed/tree-rows.ts';
import { rowBytes } from '../../db/followers/row-bytes.ts';
import { type Execution, shownExecution } from '../../operations/runs/run-rows.ts';
import { noSuch } from '../../resources/request-refusal.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { readAhead } from '../feed/read-ahead.ts';
import type { VisibilityGuard } from '../graphql/subscriptions/visibility-guard.ts';
import type { RequestQueue } from '../http/request-queue.ts';
import { type CallerTurns, inTurns } from '../limits/caller-turns.ts';
import type { Connections } from '../limits/connections.ts';
import type { Identity } from '../login/auth-result.ts';
import { createCachedLoader } from '../login/cached-loader.ts';
import { inTransactionAs, settingsFor } from '../login/session-settings.ts';
import { createLogFeed, type FollowLog } from './log-events.ts';
import type { SessionStreamSources } from './session-events.ts';
import type { RunStreamSources } from './stream-events.ts';
import type { TreeStreamSources } from './tree-reader.ts';

/**
 * Rows of one stream whose lookups share queries. Each row of a tree has at least one lookup, whose
 * answer may be as large as the row.
 */
const AHEAD = { items: 200, bytes: 1_000_000, bytesOf: rowBytes };

/**
 * Returns the sources of streams for one caller. Check first that the caller may see the run or
 * session.
 */
export type StreamSources = (
  identity: Identity,
) => RunStreamSources & TreeStreamSources & SessionStreamSources & { followLog: FollowLog };

export type StreamSourcesOptions = {
  hub: FeedHub;
  visibilityGuard: VisibilityGuard;
  pool: Pool;
  connections: Connections;
  requestQueue: RequestQueue;
  turns: CallerTurns;
  decryptRows: DecryptRunRows;
};

/**
 * Creates the sources. Steps come from the feed that all endpoints share. All other reads of
 * streams are batched, so that a thousand streams that end at once do not send a thousand requests.
 */
export function createStreamSources({
  hub,
  visibilityGuard,
  pool,
  decryptRows,
  turns,
  ...shares
}: StreamSourcesOptions): StreamSources {
  const { readStepDetails, find } = runLookups(pool, decryptRows);
  const liveChildrenById = createBatchLoader((ids: string[]) => liveChildrenOf(pool, ids));
  const turnFrom = createBatchLoader((places: { id: string; turn: number }[]) =>
    turnsFrom(pool, places),
  );
  const sees = createBatchLoader((watching: Watching[]) => visibleTo(pool, watching));
  const log = createLogFeed({ sees, decryptRows, transaction: transactionOfTenant(shares) });
  const tree = treeSources(pool, hub);
  return (identity) => {
    const { tenantId, userId, role } = identity;
    const isSeen = (id: string) => sees({ tenantId, userId, role, id });
    const whileVisible = <T>(events: AsyncIterableIterator<T>, id: string, one: string) =>
      visibilityGuard.whileVisible(events, { tenantId, userId, role, id }, () => noSuch(one, id));
    return {
      hub,
      readStepDetails,
      find,
      isSeen,
      steps: (id, after) => whileVisible(hub.steps(id, after), id, 'execution'),
      tree(id, after, prepare) {
        // a row that is read ahead begins its lookups, so it needs its turn before
        const inTime = inTurns(turns, identity, hub.treeRows(id, after));
        // rows that are read ahead are only returned while the caller may see them
        const rows = readAhead(inTime, AHEAD, prepare);
        return whileVisible(rows, id, 'execution');
      },
      ...tree,
      messages: (id, after) => whileVisible(hub.messages(id, after), id, 'session'),
      async liveChildren(id) {
        const children = await liveChildrenById(id);
        const shown = await Promise.all(children.map(isSeen));
        return children.filter((_child, index) => shown[index]);
      },
      turnFrom: (id, turn) => turnFrom({ id, turn }),
      followLog(start) {
        const { id } = start.filter;
        const events = log.follow({ tenantId, userId, role }, start);
        return id === undefined ? events : whileVisible(events, id, 'execution');
      },
    };
  };
}

/** Returns the lookups of runs and their steps, each with one query for all streams. */
function runLookups(pool: Pool, decryptRows: DecryptRunRows) {
  const readStepDetails = createCachedLoader({
    keyOf: ({ id, seq, after }: StepRow) => `${id} ${seq} ${after}`,
    async ask(steps) {
      const found = await stepDetails(pool, steps);
      const rows = found.map((details, nth) => ({ id: steps[nth]?.id, details }));
      return (await decryptRows(rows, ({ id }) => String(id))).map(({ details }) => details);
    },
  });
  const find = createBatchLoader(async (ids: string[]) => {
    const runs = await executionsById<Execution>(pool, ids, shownExecution);
    return decryptRows(runs, (run) => String(run?.id));
  });
  return { readStepDetails, find };
}

/** Returns the sources of trees that do not depend on the caller. */
function treeSources(pool: Pool, hub: FeedHub) {
  return {
    placeOf: createBatchLoader((ids: string[]) => readRunPlaces(pool, ids)),
    treeLive: (id) => hub.treeLive(id),
    treeCursors: (id, at) => treeCursors(pool, id, at),
    lastPosition: (id) => lastPosition(pool, id),
    positionOfQuestion: (id, seq) => positionOfQuestion(pool, id, seq),
  } satisfies Partial<TreeStreamSources>;
}

/**
 * Returns a function that reads the rows of a whole tenant, once for all who follow them. The reads
 * wait for their turn like the requests of that tenant. Contents stay encrypted, because not every
 * follower may see all runs of the tenant.
 */
export function transactionOfTenant({
  connections,
  requestQueue,
}: Pick<StreamSourcesOptions, 'connections' | 'requestQueue'>) {
  return <T>(tenantId: string, work: (db: Queryable) => Promise<T>): Promise<T> => {
    const reader = { tenantId, userId: undefined, role: 'owner', expiresAt: undefined } as const;
    const settings = { ...settingsFor(reader, 'rest'), timezone: 'UTC' };
    return requestQueue.run(reader, () =>
      inTransactionAs(connections.withoutDecryption(reader), settings, work),
    );
  };
}
