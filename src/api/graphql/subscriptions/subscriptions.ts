import '../environment.ts';
import { GraphQLError } from 'postgraphile/graphql';
import type { TokenPiece } from '../../../contracts/runs/step.ts';
import type { FeedRunState, MessageCursor, SessionRow } from '../../../db/feed/feed.ts';
import type { FeedRow } from '../../../db/feed/tree-rows.ts';
import type { FeedHub } from '../../feed/feed-hub.ts';
import { type EventSources, type EventSourcesOptions, eventSources } from './event-sources.ts';
import { type ListSources, type ListSourcesOptions, listSources } from './list-sources.ts';
import type { VisibilityGuard } from './visibility-guard.ts';
import {
  type FeedTopic,
  noExecution,
  noSession,
  visibleId,
  visibleSession,
} from './visible-topic.ts';

/** A source of events in the form of Grafast's `listen`. */
export type EventSource<T> = { subscribe(topic: FeedTopic): Promise<AsyncIterableIterator<T>> };

/** The sources of one operation. */
export type LiveSources = ListSources &
  EventSources & {
    steps: EventSource<FeedRow>;
    states: EventSource<FeedRunState>;
    tokens: EventSource<TokenPiece>;
    messages: EventSource<SessionRow>;
  };

/** The inputs of the sources of an operation on a WebSocket, and the identity of its caller. */
export type LiveOptions = {
  hub: FeedHub;
  visibilityGuard: VisibilityGuard;
} & ListSourcesOptions &
  EventSourcesOptions;

/**
 * Creates the sources for an operation on a WebSocket. Whether the caller may see the run or
 * session is checked when the operation begins, and again while it lasts. When the caller may no
 * longer see it, the operation ends with the error that it would begin with.
 */
export function liveSources(options: LiveOptions): LiveSources {
  const { hub, visibilityGuard, pace, identity } = options;
  const { tenantId, userId, role } = identity;
  const whileVisible = <T>(
    events: AsyncIterableIterator<T>,
    id: string,
    gone: (id: string) => Error,
  ) =>
    pace.source(
      visibilityGuard.whileVisible(events, { tenantId, userId, role, id }, () => gone(id)),
    );
  const ofRun = async <T>(topic: FeedTopic, follow: (id: string) => AsyncIterableIterator<T>) => {
    const id = await visibleId(topic);
    return whileVisible(follow(id), id, noExecution);
  };
  return {
    ...listSources(options),
    ...eventSources(options),
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
        return whileVisible(hub.messages(id, after), id, noSession);
      },
    },
  };
}

/** The sources of an operation without a socket, which cannot carry events. */
export const noLiveSources: LiveSources = {
  steps: { subscribe: refuse },
  states: { subscribe: refuse },
  tokens: { subscribe: refuse },
  messages: { subscribe: refuse },
  executionEvents: { subscribe: refuse },
  sessionEvents: { subscribe: refuse },
  executions: { subscribe: refuse },
  questions: { subscribe: refuse },
  watchedRows: { subscribe: refuse },
};

async function refuse(): Promise<never> {
  throw new GraphQLError('subscriptions require a WebSocket', {
    extensions: {
      code: 'HWINV',
      hint: 'Use graphql-ws (the protocol graphql-transport-ws) with ws://…/graphql.',
    },
  });
}

/** Parses the cursor of a client. No cursor means the beginning of the session. */
function readCursor(text: FeedTopic['after']): MessageCursor {
  const [, turn, seq, lastTurn = turn, lastSeq = seq] =
    /^(\d{1,9})\.(\d{1,9})(?:~(\d{1,9})\.(\d{1,9}))?$/.exec(String(text || '0.0')) ?? [];
  if (turn && seq) {
    const lastWritten = { turn: Number(lastTurn), seq: Number(lastSeq) };
    return { turn: Number(turn), seq: Number(seq), lastWritten };
  }
  throw new GraphQLError(`${text} is not a cursor of a session`, {
    extensions: {
      code: 'HWINV',
      hint: 'Pass the cursor of the last message you received, such as "3.2", or leave it out.',
      detail: { field: 'after' },
    },
  });
}
