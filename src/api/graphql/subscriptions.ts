import './environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { GraphQLError } from 'postgraphile/graphql';
import type { TokenPiece } from '../../contracts/step.ts';
import type { FeedRow, RunState, SessionCursor, SessionRow } from '../../db/feed.ts';
import type { FeedHub } from '../feed-hub.ts';
import type { Pace } from './pace.ts';

/** What a subscription asks for, and as whom. */
export type FeedTopic = {
  id: string;
  /** A step's seq, or a place in a session. */
  after?: number | string | null;
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
  messages: EventSource<SessionRow>;
};

/** The sources for an operation on a WebSocket. Whether the run or session may be seen is decided once, when it begins. */
export function liveSources(hub: FeedHub, pace: Pace): LiveSources {
  return {
    steps: {
      subscribe: async (topic) =>
        pace.source(hub.steps(await visibleId(topic), Math.max(0, Number(topic.after ?? 0)))),
    },
    states: { subscribe: async (topic) => pace.source(hub.states(await visibleId(topic))) },
    tokens: { subscribe: async (topic) => pace.source(hub.tokens(await visibleId(topic))) },
    messages: {
      subscribe: async (topic) => {
        const after = readCursor(topic.after);
        return pace.source(hub.messages(await visibleSession(topic), after));
      },
    },
  };
}

/** In the place of the sources where there is no socket that could carry events. */
export const noLiveSources: LiveSources = {
  steps: { subscribe: refuse },
  states: { subscribe: refuse },
  tokens: { subscribe: refuse },
  messages: { subscribe: refuse },
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

/** The same for a session. */
async function visibleSession({ id, withPgClient, pgSettings }: FeedTopic): Promise<string> {
  const { rows } = await withPgClient(pgSettings, (client) =>
    client.query<{ id: string }>({
      text: 'select s.id::text as id from howdah.sessions as s where s.id = $1::uuid',
      values: [id],
    }),
  );
  const [found] = rows;
  if (found) return found.id;
  throw new GraphQLError(`there is no session ${id}`, {
    extensions: {
      code: 'HWNTF',
      hint: '{ sessions(first: 10) { nodes { id title } } }',
      detail: { session_id: id },
    },
  });
}

/** `turn.seq` as clients write it; nothing is the beginning. */
function readCursor(text: FeedTopic['after']): SessionCursor {
  const [, turn, seq] = /^(\d{1,9})\.(\d{1,9})$/.exec(String(text || '0.0')) ?? [];
  if (turn && seq) return { turn: Number(turn), seq: Number(seq) };
  throw new GraphQLError(`${text} is no cursor of a session`, {
    extensions: {
      code: 'HWINV',
      hint: 'Give the cursor of the last message you have, such as "3.2", or leave it out.',
      detail: { field: 'after' },
    },
  });
}
