import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { parseServerSentEvents } from '../../src/client/parse-sse.ts';

/** A connection that follows the steps of a run. */
export type Connection = {
  /**
   * Resolves when the connection has ended; with `busy` if the server rejected it because of load.
   */
  ended: Promise<'busy' | undefined>;
  /** Ends the connection abruptly, like a broken network. */
  cut(): void;
};

/** Opens a connection that follows a run, starting behind the step `after`. */
export type Connector = (options: {
  url: string;
  id: string;
  after: number;
  onConnect(): void;
  onStep(seq: number): void;
}) => Connection;

/** Follows a run by Server-Sent Events. Each step of the test is one event. */
const sse: Connector = ({ url, id, after, onConnect, onStep }) => {
  const abort = new AbortController();
  const follow = async (): Promise<'busy' | undefined> => {
    const headers = after === 0 ? {} : { 'last-event-id': `${after}.1` };
    const { signal } = abort;
    const response = await fetch(`${url}/api/executions/${id}/stream`, { headers, signal });
    if (response.status === 503) return 'busy';
    if (!response.ok || !response.body)
      throw new Error(`the server rejected a stream: ${response.status}`);
    onConnect();
    for await (const event of parseServerSentEvents(response.body)) {
      if (event.id !== undefined) onStep(Number(event.id.split('.')[0]));
    }
    return undefined;
  };
  const ended = follow().catch((error: unknown) => {
    if (!abort.signal.aborted) throw error;
    return undefined;
  });
  return { ended, cut: () => abort.abort() };
};

const STEPS =
  'subscription ($id: UUID!, $after: Int) { executionSteps(executionId: $id, after: $after) { seq } }';

/** The code with which a server closes a WebSocket because of load. */
const TRY_AGAIN_LATER = 1013;

/** Returns what graphql-ws reports as an error: the close of a socket, or errors of GraphQL. */
function errorOf(reported: unknown): unknown {
  const { code, reason } = reported as { code?: number; reason?: string };
  if (typeof code === 'number') return new Error(`the server closed a socket: ${code} ${reason}`);
  if (!Array.isArray(reported)) return reported;
  return new Error(`the server rejected a subscription: ${reported[0]?.message}`);
}

/** Follows a run by a GraphQL subscription on its own WebSocket. */
const graphql: Connector = ({ url, id, after, onConnect, onStep }) => {
  const { promise: ended, resolve, reject } = Promise.withResolvers<'busy' | undefined>();
  let isCut = false;
  const end = (error?: unknown) => {
    if (error === undefined || isCut) resolve(undefined);
    else if ((error as { code?: number }).code === TRY_AGAIN_LATER) resolve('busy');
    else reject(errorOf(error));
  };
  let socket: WebSocket | undefined;
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: class extends WebSocket {
      constructor(address: string, protocols: string) {
        super(address, protocols);
        socket = this.on('error', () => {}); // errors of a socket that is cut while it connects
      }
    },
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: end,
    on: { connected: onConnect },
  });
  client.subscribe<{ executionSteps: { seq: number } }>(
    { query: STEPS, variables: { id, after } },
    {
      next: ({ data, errors }) => {
        if (data) onStep(data.executionSteps.seq);
        else end(new Error(`the server rejected a subscription: ${errors?.[0]?.message}`));
      },
      error: end,
      complete: () => end(),
    },
  );
  return {
    ended,
    cut() {
      isCut = true;
      socket?.terminate();
      Promise.resolve(client.dispose()).catch(() => {}); // it may not have connected
      resolve(undefined);
    },
  };
};

/** Follows a run over its own connection to `/ws`, which sends the same events as SSE. */
const ws: Connector = ({ url, id, after, onConnect, onStep }) => {
  const { promise: ended, resolve, reject } = Promise.withResolvers<'busy' | undefined>();
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws`);
  let isCut = false;
  socket.on('error', (error) => (isCut ? resolve(undefined) : reject(error)));
  socket.on('close', () => resolve(undefined));
  socket.on('open', () => {
    const cursor = after === 0 ? {} : { after: `${after}.1` };
    socket.send(JSON.stringify({ type: 'subscribe', id: 'run', execution_id: id, ...cursor }));
  });
  socket.on('message', (frame) => {
    const message = JSON.parse(String(frame));
    if (message.type === 'result') onConnect();
    if (message.type === 'event' && message.id !== undefined)
      onStep(Number(message.id.split('.')[0]));
    if (message.type !== 'error') return;
    if (message.error.status === 503) resolve('busy');
    else reject(new Error(`the server rejected a subscription: ${message.error.detail}`));
    socket.terminate();
  });
  return {
    ended,
    cut() {
      isCut = true;
      socket.terminate();
      resolve(undefined);
    },
  };
};

/** All connectors, by name. */
export const CONNECTORS = { sse, graphql, ws } as const;
