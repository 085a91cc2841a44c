import '../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { GraphQLError } from 'postgraphile/graphql';
import type { Queryable } from '../../../db/connection/pool.ts';
import { followListFeed } from '../../../db/lists/follow-list.ts';
import type { FollowedCollection } from '../../../db/lists/list-changes.ts';
import type { ListFeed } from '../../../db/lists/list-feed.ts';
import type { ListEvent } from '../../../db/lists/list-view.ts';
import type { Condition } from '../../../db/queries/row-collection.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import { openList } from '../../lists/list-events.ts';
import {
  agentId,
  type QuestionFilter,
  questionConditions,
  type RunFilter,
  runConditions,
  runs,
} from '../../lists/list-filters.ts';
import { questions } from '../../lists/question-rows.ts';
import {
  type WatchedRowFilter,
  watchedRowConditions,
  watchedRows,
} from '../../lists/watched-rows.ts';
import type { Identity } from '../../login/auth-result.ts';
import type { Backpressure } from './backpressure.ts';
import { gatherUpdates } from './gather-updates.ts';
import type { ListUpdate } from './list-update.ts';

/** The topic of a list, and the settings of its caller. */
export type ListTopic = {
  filter?: Readonly<Record<string, unknown>> | null;
  after?: string | null;
  first?: number | null;
  gatherMs?: number | null;
  newestOnly?: boolean | null;
  withPgClient: WithPgClient;
  pgSettings: Record<string, string>;
};

type ListSource = { subscribe(topic: ListTopic): Promise<AsyncIterableIterator<ListUpdate>> };

/** The sources of lists of one operation. */
export type ListSources = {
  executions: ListSource;
  questions: ListSource;
  watchedRows: ListSource;
};

export type ListSourcesOptions = {
  lists: ListFeed;
  pace: Backpressure;
  identity: Pick<Identity, 'tenantId' | 'userId' | 'role'>;
};

/** Most rows that a list begins with. */
const MAX_FIRST = 1_000;
/** Longest time for which changes are gathered. */
const MAX_GATHER_MS = 10_000;

/** Creates the sources of lists for an operation on a WebSocket. */
export function listSources(options: ListSourcesOptions): ListSources {
  return {
    executions: { subscribe: (topic) => open(options, topic, runs, runConditionsOf) },
    questions: { subscribe: (topic) => open(options, topic, questions, questionConditionsOf) },
    watchedRows: {
      subscribe: (topic) => open(options, topic, watchedRows, watchedRowConditionsOf),
    },
  };
}

type ConditionsOf = (
  db: Queryable,
  filter: Readonly<Record<string, unknown>>,
) => Promise<Condition[]>;

async function open(
  { lists, pace, identity }: ListSourcesOptions,
  { filter, withPgClient, pgSettings, ...topic }: ListTopic,
  list: FollowedCollection,
  conditionsOf: ConditionsOf,
): Promise<AsyncIterableIterator<ListUpdate>> {
  const { gatherMs, ...start } = startOf(topic);
  const opened = await withPgClient(pgSettings, async (client) => {
    const query = (text: string, values: unknown[]) => client.query({ text, values });
    const db = { query } as unknown as Queryable;
    const where = await conditionsOf(db, withoutNulls(filter ?? {}));
    return openList(db, { list, where, ...start });
  }).catch((error: unknown) => {
    if (!(error instanceof RequestRefusal)) throw error;
    const { message, code, hint, detail } = error;
    throw new GraphQLError(message, { extensions: { code, hint, detail } });
  });
  const updates = updatesOf(followListFeed(lists, identity, opened));
  return pace.source(gatherMs > 0 ? gatherUpdates(updates, gatherMs) : updates);
}

const runConditionsOf: ConditionsOf = async (db, { agent, metadata, ...filter }) =>
  runConditions({
    agent_id:
      typeof agent === 'string'
        ? await agentId(db, agent)
        : (filter.agentId as RunFilter['agent_id']),
    workflow_id: filter.workflowId as RunFilter['workflow_id'],
    session_id: filter.sessionId as RunFilter['session_id'],
    parent_execution_id: filter.parentExecutionId as RunFilter['parent_execution_id'],
    forked_from_execution_id: filter.forkedFromExecutionId as RunFilter['forked_from_execution_id'],
    user_id: filter.userId as RunFilter['user_id'],
    status: filter.status as RunFilter['status'],
    is_root: filter.isRoot as RunFilter['is_root'],
    tag: filter.tag as RunFilter['tag'],
    ref: filter.ref as RunFilter['ref'],
    metadata: jsonText(metadata),
  });

const questionConditionsOf: ConditionsOf = async (_db, filter) =>
  questionConditions({
    execution_id: filter.executionId as QuestionFilter['execution_id'],
    root_execution_id: filter.rootExecutionId as QuestionFilter['root_execution_id'],
    session_id: filter.sessionId as QuestionFilter['session_id'],
    user_id: filter.userId as QuestionFilter['user_id'],
    kind: filter.kind as QuestionFilter['kind'],
    status: (filter.status ?? 'open') as QuestionFilter['status'],
  });

const watchedRowConditionsOf: ConditionsOf = (db, filter) =>
  watchedRowConditions(db, {
    table: filter.table as WatchedRowFilter['table'],
    row: jsonText(filter.row),
    execution_id: filter.executionId as WatchedRowFilter['execution_id'],
    status: filter.status as WatchedRowFilter['status'],
    write_back: filter.writeBack as WatchedRowFilter['write_back'],
  });

function jsonText(value: unknown): string | undefined {
  return value === undefined || typeof value === 'string' ? value : JSON.stringify(value);
}

function withoutNulls(filter: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(filter).filter(([, value]) => value !== null));
}

/** Returns the arguments of a subscription, with their defaults. */
function startOf({
  after,
  first,
  gatherMs,
  newestOnly,
}: Omit<ListTopic, 'withPgClient' | 'pgSettings'>) {
  if (newestOnly && typeof after === 'string') {
    throw refusal('newestOnly cannot be true with after', 'newestOnly', 'Leave one of them out.');
  }
  const most = numberOf('first', first, {
    usual: 100,
    most: MAX_FIRST,
    hint: 'Read older rows with a query.',
  });
  return {
    after: after ?? undefined,
    first: most,
    newest: newestOnly ? most : undefined,
    gatherMs: numberOf('gatherMs', gatherMs, {
      usual: 0,
      most: MAX_GATHER_MS,
      hint: 'It is a number of milliseconds.',
    }),
  };
}

function numberOf(
  field: string,
  value: number | null | undefined,
  { usual, most, hint }: { usual: number; most: number; hint: string },
): number {
  if (value === null || value === undefined) return usual;
  if (value >= 0 && value <= most) return value;
  throw refusal(`${field} is ${value}, and must be from 0 to ${most}`, field, hint);
}

function refusal(message: string, field: string, hint: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: 'HWINV', hint, detail: { field } } });
}

function updatesOf(
  events: AsyncIterableIterator<ListEvent, undefined>,
): AsyncIterableIterator<ListUpdate> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const item = await events.next();
      return item.done ? item : { done: false, value: updateOf(item.value) };
    },
    async return() {
      await events.return?.();
      return { done: true, value: undefined };
    },
  };
}

function updateOf(event: ListEvent): ListUpdate {
  const { type: kind, cursor = null } = event;
  const id = event.type === 'synced' ? null : event.id;
  const isChanged = event.type === 'changed';
  const bytes = isChanged ? event.shown.bytes : 0;
  return { kind, cursor, id, row: isChanged ? id : null, rows: [], removed: [], bytes };
}
