import '../environment.ts';
import { GraphQLError } from 'postgraphile/graphql';
import { endWhenLeft } from '../../../concurrency/merge-iterators.ts';
import type { StreamEvent } from '../../../contracts/runs/stream-event.ts';
import { RequestRefusal } from '../../../resources/request-refusal.ts';
import { runEvents } from '../../events/run-events.ts';
import { parseRunCursor, parseSessionCursor, sessionEvents } from '../../events/session-events.ts';
import type { StreamSources } from '../../events/stream-sources.ts';
import type { Identity } from '../../login/auth-result.ts';
import type { Backpressure } from './backpressure.ts';
import { type FeedTopic, visibleId, visibleSession } from './visible-topic.ts';

type EventTopic = FeedTopic & { tree?: boolean | null };
type Events = { subscribe(topic: EventTopic): Promise<AsyncIterableIterator<StreamEvent>> };

/** The sources of the events of runs and sessions, as REST sends them. */
export type EventSources = { executionEvents: Events; sessionEvents: Events };

export type EventSourcesOptions = {
  streams: StreamSources;
  pace: Backpressure;
  identity: Identity;
};

/** Creates the sources of events for an operation on a WebSocket. */
export function eventSources({ streams, pace, identity }: EventSourcesOptions): EventSources {
  const sources = streams(identity);
  return {
    executionEvents: {
      async subscribe(topic) {
        const cursor = cursorOf(topic.after, parseRunCursor, '3.1') ?? { seq: 0, n: 0 };
        const id = await visibleId(topic);
        const tree = topic.tree ?? false;
        return pace.source(forClient((signal) => runEvents(sources, id, cursor, signal, { tree })));
      },
    },
    sessionEvents: {
      async subscribe(topic) {
        const start = { turn: 1, seq: 0, n: 0 };
        const cursor = cursorOf(topic.after, parseSessionCursor, '1.3.1') ?? start;
        const id = await visibleSession(topic);
        const tree = topic.tree ?? true;
        return pace.source(
          forClient((signal) => sessionEvents(sources, id, cursor, signal, { tree })),
        );
      },
    },
  };
}

function cursorOf<Cursor>(
  after: FeedTopic['after'],
  parse: (text: string) => Cursor | undefined,
  example: string,
): Cursor | undefined {
  if (after === undefined || after === null || after === '') return undefined;
  const cursor = parse(String(after));
  if (cursor) return cursor;
  throw new GraphQLError(`${after} is not the cursor of an event of this stream`, {
    extensions: {
      code: 'HWINV',
      hint: `Pass the cursor of the last event you received, such as "${example}", or leave it out.`,
      detail: { field: 'after' },
    },
  });
}

/** Converts refusals of the source to errors of GraphQL. */
function forClient(
  open: (signal: AbortSignal) => AsyncGenerator<StreamEvent, void>,
): AsyncIterableIterator<StreamEvent> {
  const events = endWhenLeft(open);
  return { ...events, next: () => events.next().catch(throwForClient) };
}

function throwForClient(error: unknown): never {
  if (!(error instanceof RequestRefusal)) throw error;
  const { message, code, hint, detail } = error;
  throw new GraphQLError(message, { extensions: { code, hint, detail } });
}
