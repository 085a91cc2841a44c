import '../environment.ts';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { useServer } from 'graphql-ws/use/ws';
import { type GrafservBase, makeGraphQLWSConfig } from 'postgraphile/grafserv';
import { type WebSocket, WebSocketServer } from 'ws';
import { createExactReviver } from '../../../json/parse-json.ts';
import { answerBare } from '../../errors/problem.ts';
import { BUSY } from '../../http/request-queue.ts';
import type { ServerLimits } from '../../http/server-limits.ts';
import { MAX_REQUEST_BYTES } from '../../http/server-limits.ts';
import type { Connections } from '../../limits/connections.ts';
import { MAX_READER_BYTES, mostBytesFor } from '../../login/rights.ts';
import { createSocketLogins, type SocketLoginOptions } from '../../login/socket-logins.ts';
import { checkMessages } from '../limits/message-checks.ts';
import { transactionAs } from '../transaction-as.ts';
import { type LimitOptions, limitHandlers } from './handler-limits.ts';

const PING_MS = 12_000;
/** Time that a client has to close its end. */
const FAREWELL_MS = 1_000;

export type SocketOptions = Omit<SocketLoginOptions, 'sockets'> &
  LimitOptions & {
    connections: Connections;
    bounds: Pick<ServerLimits, 'unauthenticatedSockets'>;
  };

export type Sockets = {
  /** Accepts a WebSocket, or answers 503 when there are too many. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /**
   * Closes the socket of every client (1001) and waits until all clients have disconnected.
   * Terminates the others after a while.
   */
  close(): Promise<void>;
};

/**
 * Serves GraphQL over WebSocket (graphql-transport-ws) with a login, and with bounds on what one
 * socket may send and run.
 */
export function createSockets(serv: GrafservBase, options: SocketOptions): Sockets {
  const { bounds, limits } = options;
  const server = createWebSocketServer();
  const logins = createSocketLogins({ ...options, sockets: server.clients });
  const handlers = {
    ...limitHandlers(makeGraphQLWSConfig(serv), options),
    isProd: true,
    jsonMessageReviver: exactMessageReviver(),
    onConnect: logins.admit,
  };
  const served = useServer(handlers as Parameters<typeof useServer>[0], server, PING_MS);
  server.on('connection', (client, request) => {
    logins.register(client);
    checkMessagesOf(client, request, options);
    // ws has already closed the socket and given the reason (1009: too large, 1007: not UTF-8).
    // graphql-ws would print a stack trace each time.
    client.removeAllListeners('error').on('error', () => {});
  });
  return {
    upgrade(request, socket, head) {
      if (limits.isFull) return refuseOneMore(socket, bounds.sockets);
      server.handleUpgrade(request, socket, head, (client) => {
        server.emit('connection', client, request);
      });
    },
    async close() {
      logins.close();
      const timer = setTimeout(() => terminate(server.clients), FAREWELL_MS);
      await served.dispose();
      clearTimeout(timer);
    },
  };
}

/** Returns a reviver for messages one after the other. Each is read without a pause. */
function exactMessageReviver(): ReturnType<typeof createExactReviver> {
  let revive: ReturnType<typeof createExactReviver> | undefined;
  return (...args) => {
    if (!revive) {
      revive = createExactReviver();
      queueMicrotask(() => {
        revive = undefined;
      });
    }
    return revive(...args);
  };
}

function createWebSocketServer(): WebSocketServer {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_REQUEST_BYTES });
  return server.on('wsClientError', ({ message }, socket, { method }) => {
    const detail = `The WebSocket handshake is not valid: ${message}.`;
    answerBare(socket, method === 'GET' ? 400 : 405, 'HWINV', detail);
  });
}

/** Checks the messages of a socket before graphql-ws reads them. */
function checkMessagesOf(
  client: WebSocket,
  request: IncomingMessage,
  options: Pick<SocketOptions, 'identities' | 'connections' | 'requestQueue'>,
): void {
  checkMessages(client, async (length) => {
    const identity = options.identities.get(client);
    if (!identity) return MAX_READER_BYTES;
    const transaction = transactionAs(identity, request, options);
    return mostBytesFor({ transaction }, { 'content-length': `${length}` });
  });
}

function terminate(clients: ReadonlySet<WebSocket>): void {
  for (const client of clients) client.terminate();
}

function refuseOneMore(socket: Duplex, most: number): void {
  const detail = `This server has reached its limit of ${most} open streams and sockets. Try again later.`;
  answerBare(socket, 503, BUSY, detail, { 'retry-after': '5' });
}
