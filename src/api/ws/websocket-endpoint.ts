import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { answerBare, sendProblem } from '../errors/problem.ts';
import { runEvents } from '../events/run-events.ts';
import { sessionEvents } from '../events/session-events.ts';
import { createStreamSources } from '../events/stream-sources.ts';
import { BUSY } from '../http/request-queue.ts';
import type { ServerLimits } from '../http/server-limits.ts';
import { MAX_REQUEST_BYTES } from '../http/server-limits.ts';
import { createCallerTransaction } from '../limits/caller-transactions.ts';
import type { Identity } from '../login/auth-result.ts';
import { settingsFor } from '../login/session-settings.ts';
import { createSocketLogins, type SocketLogins } from '../login/socket-logins.ts';
import type { RouteContext } from '../rest/framework/route.ts';
import type { RestOptions } from '../rest/serve.ts';
import { SocketConnection, type SocketConnectionOptions } from './socket-connection.ts';

const PATH = '/ws';
/**
 * Interval of the pings, in milliseconds. Pings keep proxies from taking a quiet connection for a
 * dead one.
 */
const HEARTBEAT_MS = 15_000;
/**
 * Time without an answer after which a connection is closed, in milliseconds. The client can
 * continue after the last event that it has.
 */
const STALLED_MS = 60_000;
/** Longest time until the first message of a client, and until it closes the connection. */
const FIRST_MS = 10_000;
const FAREWELL_MS = 1_000;
/** Close code that graphql-ws has for the same case. */
const NO_FIRST_MESSAGE = 4408;
const GOING_AWAY = 1001;

export type WebSocketEndpointOptions = RestOptions & {
  bounds: Pick<ServerLimits, 'sockets' | 'operations' | 'unauthenticatedSockets'>;
  heartbeatMs?: number;
  stalledMs?: number;
  firstMs?: number;
};

export type WebSocketEndpoint = {
  serves(path: string): boolean;
  /** Tells the client of a plain request to use a WebSocket. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Opens a WebSocket. Answers 503 when there are too many already. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Asks every client to close its connection, and terminates connections that stay open. */
  close(): Promise<void>;
};

/**
 * Creates the endpoint `/ws`. One WebSocket carries the events of many runs and sessions, as in
 * SSE, and the operations of a person: start a run, send a message, answer, cancel. Every message
 * is a request of its own, which is counted and runs in a transaction as the caller.
 */
export function createWebSocketEndpoint(options: WebSocketEndpointOptions): WebSocketEndpoint {
  const { bounds, limits } = options;
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_REQUEST_BYTES });
  server.on('wsClientError', ({ message }, socket) => {
    answerBare(socket, 400, 'HWINV', `The WebSocket handshake is not valid: ${message}.`);
  });
  const logins = createSocketLogins({ ...options, sockets: server.clients });
  const heartbeat = createHeartbeat(server, options);
  const open = createOpener(logins, options);
  return {
    serves: (path) => path === PATH,
    async handle(_request, response) {
      response.setHeader('upgrade', 'websocket').setHeader('connection', 'upgrade');
      sendProblem(response, 426, 'HWINV', `${PATH} accepts only WebSocket connections.`);
    },
    upgrade(request, socket, head) {
      if (limits.isFull) {
        const detail = `This server has reached its limit of ${bounds.sockets} open streams and sockets. Try again later.`;
        return answerBare(socket, 503, BUSY, detail, { 'retry-after': '5' });
      }
      server.handleUpgrade(request, socket, head, (client) => {
        heartbeat.watch(client);
        open(client, request);
      });
    },
    async close() {
      heartbeat.stop();
      logins.close();
      await closeSockets(server);
    },
  };
}

type SocketOptions = Pick<WebSocketEndpointOptions, 'heartbeatMs' | 'stalledMs'>;

/** Pings the sockets of a server at an interval, and terminates sockets that do not answer. */
function createHeartbeat(
  server: WebSocketServer,
  { heartbeatMs = HEARTBEAT_MS, stalledMs = STALLED_MS }: SocketOptions,
) {
  const lastAnswers = new WeakMap<WebSocket, number>();
  const timer = setInterval(() => {
    for (const socket of server.clients) {
      if (performance.now() - (lastAnswers.get(socket) ?? 0) > stalledMs) socket.terminate();
      else socket.ping();
    }
  }, heartbeatMs);
  return {
    watch(socket: WebSocket): void {
      const note = () => lastAnswers.set(socket, performance.now());
      note();
      socket.on('pong', note).on('message', note);
    },
    stop: () => clearInterval(timer),
  };
}

/** Returns a function that begins a connection, and closes it if no first message comes. */
function createOpener(logins: SocketLogins, options: WebSocketEndpointOptions) {
  const { bounds, firstMs = FIRST_MS } = options;
  const meansFor = createMeans(options);
  const admit: SocketConnectionOptions['admit'] = (socket, request, authorization) =>
    logins.admit({
      connectionParams: authorization === undefined ? {} : { authorization },
      extra: { socket, request },
    });
  return (socket: WebSocket, request: IncomingMessage): void => {
    logins.register(socket);
    socket.on('error', () => {}); // ws has already closed the socket and named the reason
    const most = bounds.operations;
    const connection = new SocketConnection(socket, request, { ...options, meansFor, most, admit });
    const waiting = setTimeout(() => {
      if (!connection.hasFirstMessage) socket.close(NO_FIRST_MESSAGE, 'no first message');
    }, firstMs);
    socket.once('close', () => clearTimeout(waiting));
  };
}

/** Asks every client to close its connection, and terminates connections that stay open. */
async function closeSockets(server: WebSocketServer): Promise<void> {
  const closed = [...server.clients].map(
    (socket) => new Promise((resolve) => socket.once('close', resolve)),
  );
  for (const socket of server.clients) socket.close(GOING_AWAY, 'the server is shutting down');
  const timer = setTimeout(() => {
    for (const socket of server.clients) socket.terminate();
  }, FAREWELL_MS);
  await Promise.all(closed);
  clearTimeout(timer);
  server.close();
}

function createMeans(options: WebSocketEndpointOptions) {
  const sources = createStreamSources(options);
  return (identity: Identity, { socket: { remoteAddress } }: IncomingMessage): RouteContext => {
    const settings = { ...settingsFor(identity, 'ws', remoteAddress), timezone: 'UTC' };
    const source = sources(identity);
    return {
      secrets: options.secrets,
      transaction: createCallerTransaction(options, identity, settings),
      waitForEnd: async () => {}, // no message waits
      leftSignal: () => new AbortController().signal,
      runEvents: (id, after, options) => (signal) => runEvents(source, id, after, signal, options),
      sessionEvents: (id, after, options) => (signal) =>
        sessionEvents(source, id, after, signal, options),
      logEvents: () => async function* () {}, // no subscription follows a log
      listEvents: () => async function* () {}, // nor a list
    };
  };
}
