import type { IncomingMessage, ServerResponse } from 'node:http';
import type { WebSocket } from 'ws';
import { sendProblem } from '../errors/problem.ts';
import { runEvents } from '../events/run-events.ts';
import { sessionEvents } from '../events/session-events.ts';
import { createStreamSources } from '../events/stream-sources.ts';
import type { ServerLimits } from '../http/server-limits.ts';
import { createCallerTransaction } from '../limits/caller-transactions.ts';
import type { Identity } from '../login/auth-result.ts';
import { mostBytesFor } from '../login/rights.ts';
import { settingsFor } from '../login/session-settings.ts';
import type { RouteContext } from '../rest/framework/route.ts';
import type { RestOptions } from '../rest/serve.ts';
import { createHeartbeat, type HeartbeatOptions } from '../sockets/heartbeat.ts';
import { SocketConnection, type SocketConnectionOptions } from '../sockets/socket-connection.ts';
import { createSocketLogins, type SocketLogins } from '../sockets/socket-logins.ts';
import {
  acceptUpgrade,
  closeSockets,
  createSocketServer,
  type Upgrade,
} from '../sockets/socket-server.ts';
import { MessageHandler } from './message-handler.ts';

const PATH = '/ws';
/** Longest time until the first message of a client, in milliseconds. */
const FIRST_MS = 10_000;
/** Close code that graphql-ws has for the same case. */
const NO_FIRST_MESSAGE = 4408;

export type WebSocketEndpointOptions = RestOptions &
  HeartbeatOptions & {
    bounds: Pick<ServerLimits, 'sockets' | 'operations' | 'unauthenticatedSockets'>;
    firstMs?: number;
  };

export type WebSocketEndpoint = {
  serves(path: string): boolean;
  /** Tells the client of a plain request to use a WebSocket. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  /** Opens a WebSocket. Answers 503 when there are too many already. */
  upgrade(...upgrade: Upgrade): void;
  /** Asks every client to close its connection, and terminates connections that stay open. */
  close(): Promise<void>;
};

/**
 * Creates the endpoint `/ws`. One WebSocket carries the events of many runs and sessions, as in
 * SSE, and the operations of a person: start a run, send a message, answer, cancel. Every message
 * is a request of its own, which is counted and runs in a transaction as the caller.
 */
export function createWebSocketEndpoint(options: WebSocketEndpointOptions): WebSocketEndpoint {
  const server = createSocketServer();
  const logins = createSocketLogins({ ...options, sockets: server.clients });
  const heartbeat = createHeartbeat(server.clients, options);
  const open = createOpener(logins, options);
  return {
    serves: (path) => path === PATH,
    async handle(_request, response) {
      response.setHeader('upgrade', 'websocket').setHeader('connection', 'upgrade');
      sendProblem(response, 426, 'HWINV', `${PATH} accepts only WebSocket connections.`);
    },
    upgrade(...upgrade) {
      acceptUpgrade(server, options, upgrade, (client, request) => {
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

/** Returns a function that begins a connection, and closes it if no first message comes. */
function createOpener(logins: SocketLogins, options: WebSocketEndpointOptions) {
  const { bounds, identities, turns, firstMs = FIRST_MS } = options;
  const meansFor = createMeans(options);
  const handlerOptions = { ...options, meansFor, most: bounds.operations };
  const connectionOptions: SocketConnectionOptions = {
    ...{ logins, identities, turns },
    mostBytesFor: (identity, request, length) =>
      mostBytesFor(meansFor(identity, request), { 'content-length': String(length) }),
    createProtocol: (connection) => new MessageHandler(connection, handlerOptions),
  };
  return (socket: WebSocket, request: IncomingMessage): void => {
    logins.register(socket);
    socket.on('error', () => {}); // ws has already closed the socket and named the reason
    const connection = new SocketConnection(socket, request, connectionOptions);
    const waiting = setTimeout(() => {
      if (!connection.hasFirstMessage) socket.close(NO_FIRST_MESSAGE, 'no first message');
    }, firstMs);
    socket.once('close', () => clearTimeout(waiting));
  };
}

/** Returns a signal for messages, whose work goes on when their sender has left. */
function neverLeft(): AbortSignal {
  return new AbortController().signal;
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
      leftSignal: neverLeft,
      queryRows: options.callerQueries(identity, settings, neverLeft),
      runEvents: (id, after, options) => (signal) => runEvents(source, id, after, signal, options),
      sessionEvents: (id, after, options) => (signal) =>
        sessionEvents(source, id, after, signal, options),
      logEvents: () => async function* () {}, // no subscription follows a log
      listEvents: () => async function* () {}, // nor a list
    };
  };
}
