import './environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { GraphQLError } from 'postgraphile/graphql';
import type { TokenPiece } from '../../contracts/step.ts';
import type { FeedRow, RunState } from '../../db/feed.ts';
import type { FeedHub } from '../feed-hub.ts';
import type { Pace } from './pace.ts';

/** What a subscription asks for, and as whom. */
export type FeedTopic = {
  id: string;
  after?: number | null;
  withPgClient: WithPgClient;
  pgSettings: Record<string, string>;
};

/** A source of events as Grafast's `listen` takes it. */
export type EventSource<T> = { subscribe(topic: FeedTopic): Promise<AsyncIterableIterator<T>> };

/** The sources of one operation. */
export type LiveSources = {
  steps: EventSource<FeedRow>;
  states: EventSource<RunState>;
  tokens: EventSource<TokenPiece>;
};

/** The sources for an operation on a WebSocket. Whether the run may be seen is decided once, when it begins. */
export function liveSources(hub: FeedHub, pace: Pace): LiveSources {
  return {
    steps: {
      subscribe: async (topic) =>
        pace.source(hub.steps(await visibleId(topic), Math.max(0, topic.after ?? 0))),
    },
    states: { subscribe: async (topic) => pace.source(hub.states(await visibleId(topic))) },
    tokens: { subscribe: async (topic) => pace.source(hub.tokens(await visibleId(topic))) },
  };
}

/** In the place of the sources where there is no socket that could carry events. */
export const noLiveSources: LiveSources = {
  steps: { subscribe: refuse },
  states: { subscribe: refuse },
  tokens: { subscribe: refuse },
};

async function refuse(): Promise<never> {
  throw new GraphQLError('subscriptions need a WebSocket', {
    extensions: {
      code: 'HWINV',
      hint: 'Speak graphql-ws (the protocol graphql-transport-ws) to ws://…/graphql.',
    },
  });
}

/** The id as the database writes it, when the caller may see the run. */
async function visibleId({ id, withPgClient, pgSettings }: FeedTopic): Promise<string> {
  const { rows } = await withPgClient(pgSettings, (client) =>
    client.query<{ id: string }>({
      text: 'select e.id::uuid::text as id from howdah.executions as e where e.id = $1::uuid',
      values: [id],
    }),
  );
  const [found] = rows;
  if (found) return found.id;
  throw new GraphQLError(`there is no execution ${id}`, {
    extensions: {
      code: 'HWNTF',
      hint: '{ executions(first: 10, orderBy: ID_DESC) { nodes { id status } } }',
      detail: { execution_id: id },
    },
  });
}
