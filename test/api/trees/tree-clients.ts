import type { ApiServer } from '../../../src/api/server.ts';
import { connect } from '../../../src/client/connect.ts';
import type { StreamEvent } from '../../../src/contracts/runs/stream-event.ts';
import { openSocket } from '../harness.ts';
import { openWs } from '../ws/ws-client.ts';

/**
 * Reads events after a cursor until `isLast` returns true for an event, or until the stream ends.
 */
export type TreeClient = (
  api: ApiServer,
  run: { execution_id: string; session_id: string },
  after: string | undefined,
  isLast: (event: StreamEvent) => boolean,
) => Promise<StreamEvent[]>;

type Received = Pick<StreamEvent, 'event' | 'data'> & { cursor: string | null };

const GRAPHQL = {
  run: `subscription ($id: UUID!, $after: String) {
    events: executionEvents(executionId: $id, after: $after, tree: true) { event cursor data }
  }`,
  session: `subscription ($id: UUID!, $after: String) {
    events: sessionEvents(sessionId: $id, after: $after) { event cursor data }
  }`,
};

async function readClient(
  events: AsyncGenerator<StreamEvent, void>,
  isLast: (event: StreamEvent) => boolean,
): Promise<StreamEvent[]> {
  const read: StreamEvent[] = [];
  for await (const event of events) {
    read.push(event);
    if (isLast(event)) break;
  }
  return read;
}

async function readWs(
  api: ApiServer,
  subscribe: object,
  isLast: (event: StreamEvent) => boolean,
): Promise<StreamEvent[]> {
  const client = await openWs(api);
  await client.ask({ type: 'subscribe', id: 's', ...subscribe });
  await client.when((one) => one.type === 'end' || (one.type === 'event' && isLast(one)));
  const events = client.received.filter(({ type }) => type === 'event');
  client.close();
  const read = events.map(({ event, id, data }) => ({ event, ...(id && { id }), data }));
  return read.slice(0, read.findIndex(isLast) + 1 || read.length);
}

async function readGraphql(
  api: ApiServer,
  query: string,
  variables: object,
  isLast: (event: StreamEvent) => boolean,
): Promise<StreamEvent[]> {
  const socket = openSocket(api);
  const read: StreamEvent[] = [];
  const done = Promise.withResolvers<void>();
  const stop = socket.client.subscribe(
    { query, variables: { ...variables } },
    {
      next({ data, errors }) {
        if (errors) return done.reject(errors[0]);
        const { event, cursor: id, data: said } = (data as unknown as { events: Received }).events;
        read.push({ event, ...(id !== null && { id }), data: said });
        if (isLast(read.at(-1) as StreamEvent)) done.resolve();
      },
      error: done.reject,
      complete: done.resolve,
    },
  );
  await done.promise;
  stop();
  await socket.client.dispose();
  return read.slice(0, read.findIndex(isLast) + 1 || read.length);
}

const cursor = (after: string | undefined) => (after === undefined ? {} : { after });

/** Clients of a run that resume from a cursor, by interface. */
export const RUN_CLIENTS: Record<string, TreeClient> = {
  'SSE and client': (api, { execution_id }, after, isLast) =>
    readClient(connect(api.url).stream(execution_id, { tree: true, ...cursor(after) }), isLast),
  WebSocket: (api, { execution_id }, after, isLast) =>
    readWs(api, { execution_id, tree: true, ...cursor(after) }, isLast),
  GraphQL: (api, { execution_id: id }, after, isLast) =>
    readGraphql(api, GRAPHQL.run, { id, after }, isLast),
};

export const SESSION_CLIENTS: Record<string, TreeClient> = {
  'SSE and client': (api, { session_id }, after, isLast) =>
    readClient(connect(api.url).session(session_id).stream(cursor(after)), isLast),
  WebSocket: (api, { session_id }, after, isLast) =>
    readWs(api, { session_id, ...cursor(after) }, isLast),
  GraphQL: (api, { session_id: id }, after, isLast) =>
    readGraphql(api, GRAPHQL.session, { id, after }, isLast),
};
