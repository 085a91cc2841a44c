import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { parseServerSentEvents } from '../../src/client/parse-sse.ts';

/** One connection that follows the steps of a run from behind one; it may be cut at any moment. */
export type Connection = {
  /** Resolves when it is over, however that came; with `busy` when the server has too much to do and says so. */
  over: Promise<'busy' | undefined>;
  /** As a network does it: without a word. */
  cut(): void;
};

/** A way to follow a run. */
export type Connector = (options: {
  url: string;
  id: string;
  after: number;
  onConnect(): void;
  onStep(seq: number): void;
}) => Connection;

/** Server-Sent Events of REST, going on behind Last-Event-ID. Each step of a soak is one event. */
const sse: Connector = ({ url, id, after, onConnect: connected, onStep: arrived }) => {
  const leaving = new AbortController();
  const follow = async (): Promise<'busy' | undefined> => {
    const headers = after === 0 ? {} : { 'last-event-id': `${after}.1` };
    const { signal } = leaving;
    const response = await fetch(`${url}/api/executions/${id}/stream`, { headers, signal });
    if (response.status === 503) return 'busy';
    if (!response.ok || !response.body) throw new Error(`a stream was refused: ${response.status}`);
    connected();
    for await (const event of parseServerSentEvents(response.body)) {
      if (event.id !== undefined) arrived(Number(event.id.split('.')[0]));
    }
    return undefined;
  };
  const over = follow().catch((error: unknown) => {
    if (!leaving.signal.aborted) throw error;
    return undefined;
  });
  return { over, cut: () => leaving.abort() };
};

const STEPS =
  'subscription ($id: UUID!, $after: Int) { executionSteps(executionId: $id, after: $after) { seq } }';

/** A GraphQL subscription on a WebSocket of its own, going on behind `after`. */
const graphql: Connector = ({ url, id, after, onConnect: connected, onStep: arrived }) => {
  const { promise: over, resolve, reject } = Promise.withResolvers<undefined>();
  let isCut = false;
  const end = (error?: unknown) =>
    error === undefined || isCut ? resolve(undefined) : reject(error);
  let line: WebSocket | undefined;
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: class extends WebSocket {
      constructor(address: string, protocols: string) {
        super(address, protocols);
        line = this.on('error', () => {}); // of one that is cut before it stands
      }
    },
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: end,
    on: { connected },
  });
  client.subscribe<{ executionSteps: { seq: number } }>(
    { query: STEPS, variables: { id, after } },
    {
      next: ({ data, errors }) => {
        if (data) arrived(data.executionSteps.seq);
        else end(new Error(`a subscription was refused: ${errors?.[0]?.message}`));
      },
      error: end,
      complete: () => end(),
    },
  );
  return {
    over,
    cut() {
      isCut = true;
      line?.terminate();
      Promise.resolve(client.dispose()).catch(() => {}); // it may not have stood
      resolve(undefined);
    },
  };
};

/** The same events as SSE over `/ws`, on a connection of its own. */
const ws: Connector = ({ url, id, after, onConnect: connected, onStep: arrived }) => {
  const { promise: over, resolve, reject } = Promise.withResolvers<'busy' | undefined>();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  let isCut = false;
  socket.on('error', (error) => (isCut ? resolve(undefined) : reject(error)));
  socket.on('close', () => resolve(undefined));
  socket.on('open', () => {
    const behind = after === 0 ? {} : { after: `${after}.1` };
    socket.send(JSON.stringify({ type: 'subscribe', id: 'run', execution_id: id, ...behind }));
  });
  socket.on('message', (frame) => {
    const message = JSON.parse(String(frame));
    if (message.type === 'result') connected();
    if (message.type === 'event' && message.id !== undefined)
      arrived(Number(message.id.split('.')[0]));
    if (message.type !== 'error') return;
    if (message.error.status === 503) resolve('busy');
    else reject(new Error(`a subscription was refused: ${message.error.detail}`));
    socket.terminate();
  });
  return {
    over,
    cut() {
      isCut = true;
      socket.terminate();
      resolve(undefined);
    },
  };
};

/** Every way there is, by its name. */
export const CONNECTORS = { sse, graphql, ws } as const;
