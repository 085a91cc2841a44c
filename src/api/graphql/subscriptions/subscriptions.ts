import '../environment.ts';
import type { WithPgClient } from 'postgraphile/@dataplan/pg';
import { GraphQLError } from 'postgraphile/graphql';
import type { TokenPiece } from '../../../contracts/runs/step.ts';
import type { FeedRow, RunState, SessionCursor, SessionRow } from '../../../db/feed/feed.ts';
import type { FeedHub } from '../../feed/feed-hub.ts';
import type { Identity } from '../../login/auth-result.ts';
import type { Backpressure } from './backpressure.ts';
import type { VisibilityGuard } from './visibility-guard.ts';

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

/** What an operation on a WebSocket is answered from, and as whom. */
export type LiveOptions = {
  hub: FeedHub;
  sight: VisibilityGuard;
  pace: Backpressure;
  identity: Pick<Identity, 'tenantId' | 'userId' | 'role'>;
};

/**
 * The sources for an operation on a WebSocket. Whether the run or session may be seen is decided when it begins, and
 * again while it lasts: then it ends with the error it would begin with.
 */
export function liveSources({ hub, sight, pace, identity }: LiveOptions): LiveSources {
  const { tenantId, userId, role } = identity;
  const kept = <T>(events: AsyncIterableIterator<T>, id: string, gone: (id: string) => Error) =>
    pace.source(sight.whileVisible(events, { tenantId, userId, role, id }, () => gone(id)));
  const ofRun = async <T>(topic: FeedTopic, follow: (id: string) => AsyncIterableIterator<T>) => {
    const id = await visibleId(topic);
    return kept(follow(id), id, noExecution);
  };
  return {
    steps: {
      subscribe: (topic) =>
        ofRun(topic, (id) => hub.steps(id, Math.max(0, Number(topic.after ?? 0)))),
    },
    states: { subscribe: (topic) => ofRun(topic, (id) => hub.states(id)) },
    tokens: { subscribe: (topic) => ofRun(topic, (id) => hub.tokens(id)) },
    messages: {
      subscribe: async (topic) => {
        const after = readCursor(topic.after);
        const id = await visibleSession(topic);
        return kept(hub.messages(id, after), id, noSession);
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
  throw noExecution(id);
}

function noExecution(id: string): GraphQLError {
  return new GraphQLError(`there is no execution ${id}`, {
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
  throw noSession(id);
}

function noSession(id: string): GraphQLError {
  return new GraphQLError(`there is no session ${id}`, {
    extensions: {
      code: 'HWNTF',
      hint: '{ sessions(first: 10) { nodes { id title } } }',
      detail: { session_id: id },
    },
  });
}

/** A cursor as clients write it; nothing is the beginning. */
function readCursor(text: FeedTopic['after']): SessionCursor {
  const [, turn, seq, lastTurn = turn, lastSeq = seq] =
    /^(\d{1,9})\.(\d{1,9})(?:~(\d{1,9})\.(\d{1,9}))?$/.exec(String(text || '0.0')) ?? [];
  if (turn && seq) {
    const lastWritten = { turn: Number(lastTurn), seq: Number(lastSeq) };
    return { turn: Number(turn), seq: Number(seq), lastWritten };
  }
  throw new GraphQLError(`${text} is no cursor of a session`, {
    extensions: {
      code: 'HWINV',
      hint: 'Give the cursor of the last message you have, such as "3.2", or leave it out.',
      detail: { field: 'after' },
    },
  });
}
