import './environment.ts';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { useServer } from 'graphql-ws/use/ws';
import { type GrafservBase, makeGraphQLWSConfig } from 'postgraphile/grafserv';
import { GraphQLError } from 'postgraphile/graphql';
import { WebSocketServer } from 'ws';
import type { Pace } from './pace.ts';
import { MAX_REQUEST_BYTES } from './preset.ts';

const PING_MS = 12_000;
/** How long a client may take to say goodbye. */
const FAREWELL_MS = 1_000;
const MOST_OPERATIONS = 500;

/** grafserv gives all four of its handlers. */
type Handler<K extends keyof WsConfig> = NonNullable<WsConfig[K]>;
type WsConfig = ReturnType<typeof makeGraphQLWSConfig>;

export type Sockets = {
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Tells every client to go (1001) and waits until they have gone, or lets go of them. */
  close(): Promise<void>;
};

/** GraphQL over WebSocket (graphql-transport-ws), with bounds on what one socket may send and ask for. */
export function createSockets(serv: GrafservBase): Sockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_REQUEST_BYTES });
  const config = makeGraphQLWSConfig(serv);
  const options = {
    ...config,
    isProd: true,
    onSubscribe: withCap(config.onSubscribe as Handler<'onSubscribe'>),
    subscribe: paced(config.subscribe as Handler<'subscribe'>),
  };
  const served = useServer(options as Parameters<typeof useServer>[0], server, PING_MS);
  return {
    upgrade(request, socket, head) {
      server.handleUpgrade(request, socket, head, (client) => {
        server.emit('connection', client, request);
      });
    },
    async close() {
      const timer = setTimeout(() => {
        for (const client of server.clients) client.terminate();
      }, FAREWELL_MS);
      await served.dispose();
      clearTimeout(timer);
    },
  };
}

function withCap(onSubscribe: Handler<'onSubscribe'>): Handler<'onSubscribe'> {
  return async (context, id, payload) => {
    if (Object.keys(context.subscriptions).length <= MOST_OPERATIONS) {
      return onSubscribe(context, id, payload);
    }
    const extensions = { code: 'HWQTA', hint: 'Open another connection, or end some of them.' };
    return [
      new GraphQLError(`a connection may have ${MOST_OPERATIONS} operations at once`, {
        extensions,
      }),
    ];
  };
}

/** Results are taken as fast as the socket takes them, and the feed hears of it. */
function paced(subscribe: Handler<'subscribe'>): Handler<'subscribe'> {
  return async (args) => {
    const results = await subscribe(args);
    const pace = (args.contextValue as { pace?: Pace } | undefined)?.pace;
    return isIterator(results) && pace ? pace.sink(results) : results;
  };
}

function isIterator(value: unknown): value is AsyncIterableIterator<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
