import '../environment.ts';
import type { IncomingMessage } from 'node:http';
import { useServer } from 'graphql-ws/use/ws';
import { type GrafservBase, makeGraphQLWSConfig } from 'postgraphile/grafserv';
import type { WebSocket } from 'ws';
import { createExactReviver } from '../../../json/parse-json.ts';
import type { ServerLimits } from '../../http/server-limits.ts';
import type { Connections } from '../../limits/connections.ts';
import { MAX_READER_BYTES, mostBytesFor } from '../../login/rights.ts';
import { createSocketLogins, type SocketLoginOptions } from '../../sockets/socket-logins.ts';
import {
  acceptUpgrade,
  createSocketServer,
  terminateLate,
  type Upgrade,
} from '../../sockets/socket-server.ts';
import { checkMessages } from '../limits/message-checks.ts';
import { transactionAs } from '../transaction-as.ts';
import { type LimitOptions, limitHandlers } from './handler-limits.ts';

const PING_MS = 12_000;

export type SocketOptions = Omit<SocketLoginOptions, 'sockets'> &
  LimitOptions & {
    connections: Connections;
    bounds: Pick<ServerLimits, 'unauthenticatedSockets'>;
  };

export type Sockets = {
  /** Accepts a WebSocket, or answers 503 when there are too many. */
  upgrade(...upgrade: Upgrade): void;
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
  const server = createSocketServer();
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
    upgrade(...upgrade) {
      acceptUpgrade(server, options, upgrade, (client, request) => {
        server.emit('connection', client, request);
      });
    },
    async close() {
      logins.close();
      await terminateLate(server, Promise.resolve(served.dispose()));
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

/** Checks the messages of a socket before graphql-ws reads them. */
function checkMessagesOf(
  client: WebSocket,
  request: IncomingMessage,
  options: Pick<SocketOptions, 'identities' | 'connections' | 'requestQueue' | 'turns'>,
): void {
  const { identities, turns } = options;
  checkMessages(client, {
    async mostBytesFor(length) {
      const identity = identities.get(client);
      if (!identity) return MAX_READER_BYTES;
      const transaction = transactionAs(identity, request, options);
      return mostBytesFor({ transaction }, { 'content-length': `${length}` });
    },
    inTurn(pass) {
      const identity = identities.get(client);
      return identity && turns.serve(identity, pass);
    },
  });
}
