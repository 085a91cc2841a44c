import '../environment.ts';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { useServer } from 'graphql-ws/use/ws';
import { type GrafservBase, makeGraphQLWSConfig } from 'postgraphile/grafserv';
import { GraphQLError } from 'postgraphile/graphql';
import { type WebSocket, WebSocketServer } from 'ws';
import type { HowdahError } from '../../../contracts/errors.ts';
import { answerBare } from '../../errors/problem.ts';
import { type Admission, BUSY, createAdmission } from '../../http/admission.ts';
import type { ServerLimits } from '../../http/server-limits.ts';
import { MAX_REQUEST_BYTES } from '../../http/server-limits.ts';
import type { Connections } from '../../limits/connections.ts';
import type { CountRequest } from '../../limits/request-limits.ts';
import type { StreamLimits } from '../../limits/stream-limits.ts';
import type { Identity } from '../../login/auth-result.ts';
import type { Identities } from '../../login/identities.ts';
import { MAX_READER_BYTES, mostBytesFor } from '../../login/rights.ts';
import { createSocketLogins, type SocketLoginOptions } from '../../login/socket-logins.ts';
import { checkMessages } from '../limits/message-checks.ts';
import { transactionAs } from '../transaction-as.ts';
import type { Backpressure } from './backpressure.ts';

const PING_MS = 12_000;
/** Time that a subscription may wait for its start. */
const BEGIN_MS = 30_000;
/** Time that a client has to close its end. */
const FAREWELL_MS = 1_000;
const TURNED_AWAY = 'This connection is closed.';

/** A handler of grafserv, which provides all four. */
type Handler<K extends keyof WsConfig> = NonNullable<WsConfig[K]>;
type WsConfig = ReturnType<typeof makeGraphQLWSConfig>;

export type SocketOptions = Omit<SocketLoginOptions, 'sockets'> & {
  admission: Admission;
  connections: Connections;
  countRequest: CountRequest;
  bounds: Pick<ServerLimits, 'connections' | 'sockets' | 'operations' | 'unauthenticatedSockets'>;
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
  const { bounds, admission, limits, identities } = options;
  const server = new WebSocketServer({ noServer: true, maxPayload: MAX_REQUEST_BYTES });
  server.on('wsClientError', ({ message }, socket, { method }) => {
    answerBare(
      socket,
      method === 'GET' ? 400 : 405,
      'HWINV',
      `The WebSocket handshake is not valid: ${message}.`,
    );
  });
  const logins = createSocketLogins({ ...options, sockets: server.clients });
  // After a deploy, every subscriber returns at the same moment. The start of a subscription costs
  // one short query. All starts together take at most half of the connections from requests.
  const beginnings = createAdmission({
    connections: Math.ceil(bounds.connections / 2),
    waiting: bounds.sockets,
    waitMs: BEGIN_MS,
  });
  const config = makeGraphQLWSConfig(serv);
  const handlers = {
    ...config,
    isProd: true,
    onConnect: logins.admit,
    onSubscribe: withCap(
      counted(config.onSubscribe as Handler<'onSubscribe'>, options),
      bounds.operations,
    ),
    execute: inTurn(config.execute as Handler<'execute'>, admission, identities),
    subscribe: limitStreams(
      paced(inTurn(config.subscribe as Handler<'subscribe'>, beginnings, identities)),
      limits,
      identities,
    ),
  };
  const served = useServer(handlers as Parameters<typeof useServer>[0], server, PING_MS);
  server.on('connection', (client, request) => {
    logins.register(client);
    checkMessages(client, async (length) => {
      const identity = identities.get(client);
      if (!identity) return MAX_READER_BYTES;
      const transaction = transactionAs(identity, request, options);
      return mostBytesFor({ transaction }, { 'content-length': `${length}` });
    });
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

function terminate(clients: ReadonlySet<WebSocket>): void {
  for (const client of clients) client.terminate();
}

function refuseOneMore(socket: Duplex, most: number): void {
  const detail = `This server has reached its limit of ${most} open streams and sockets. Try again later.`;
  answerBare(socket, 503, BUSY, detail, { 'retry-after': '5' });
}

function withCap(onSubscribe: Handler<'onSubscribe'>, most: number): Handler<'onSubscribe'> {
  return async (context, id, payload) => {
    if (Object.keys(context.subscriptions).length <= most) {
      return onSubscribe(context, id, payload);
    }
    const extensions = { code: 'HWQTA', hint: 'Close some of them, or open another connection.' };
    return [
      new GraphQLError(`a connection may have at most ${most} operations at once`, { extensions }),
    ];
  };
}

/** Counts each operation as a request. Beyond a limit, the result is an error with code `HWQTA`. */
function counted(
  onSubscribe: Handler<'onSubscribe'>,
  { countRequest, identities }: { countRequest: CountRequest; identities: Identities },
): Handler<'onSubscribe'> {
  return async (context, id, payload) => {
    const { socket } = context.extra as unknown as { socket: WebSocket };
    const identity = identities.get(socket);
    // a rejected client may go on sending until its end is closed, too
    if (!identity || socket.readyState !== socket.OPEN) return [new GraphQLError(TURNED_AWAY)];
    const refusal = await countRequest(identity);
    if (!refusal) return onSubscribe(context, id, payload);
    const { message, hint, detail } = refusal;
    return [new GraphQLError(message, { extensions: { code: 'HWQTA', hint, detail } })];
  };
}

/**
 * Makes operations wait for their turn. Beyond the capacity of the server, the result is an error
 * with code `53300`.
 */
function inTurn<H extends Handler<'execute'> | Handler<'subscribe'>>(
  handle: H,
  admission: Admission,
  identities: Identities,
): H {
  const handleInTurn = async (args: Parameters<H>[0]) => {
    try {
      return await admission.run(callerOf(args, identities), async () => handle(args));
    } catch (error) {
      return refusalOf(error);
    }
  };
  return handleInTurn as H;
}

/** Counts each subscription as a stream of its tenant and user while it lasts. */
function limitStreams(
  subscribe: Handler<'subscribe'>,
  limits: StreamLimits,
  identities: Identities,
): Handler<'subscribe'> {
  const handleLimited = async (args: Parameters<Handler<'subscribe'>>[0]) => {
    let uncount = () => {};
    try {
      uncount = limits.open(callerOf(args, identities), 'subscription');
      const results = await subscribe(args);
      if (isIterator(results)) return withEnd(results, uncount);
      uncount();
      return results;
    } catch (error) {
      uncount();
      return refusalOf(error);
    }
  };
  return handleLimited as Handler<'subscribe'>;
}

/** Returns the result of an operation that was refused temporarily; rethrows any other error. */
function refusalOf(error: unknown) {
  const { code, message, hint, detail } = error as HowdahError;
  if (code !== BUSY && code !== 'HWQTA') throw error;
  return { errors: [new GraphQLError(message, { extensions: { code, hint, detail } })] };
}

function callerOf(args: object, identities: Identities): Identity {
  const { requestContext } = args as { requestContext?: { ws?: { socket: object } } };
  const identity = requestContext?.ws && identities.get(requestContext.ws.socket);
  if (!identity) throw new GraphQLError(TURNED_AWAY);
  return identity;
}

/** Calls `onEnd` when the results end or the consumer stops. */
function withEnd<T>(
  results: AsyncIterableIterator<T>,
  onEnd: () => void,
): AsyncIterableIterator<T> {
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      try {
        const result = await results.next();
        if (result.done) onEnd();
        return result;
      } catch (error) {
        onEnd();
        throw error;
      }
    },
    async return() {
      onEnd();
      return (await results.return?.()) ?? { done: true, value: undefined };
    },
  };
}

/** Takes results as fast as the socket takes them, and applies the back-pressure to the feed. */
function paced(subscribe: Handler<'subscribe'>): Handler<'subscribe'> {
  return async (args) => {
    const results = await subscribe(args);
    const pace = (args.contextValue as { pace?: Backpressure } | undefined)?.pace;
    return isIterator(results) && pace ? pace.sink(results) : results;
  };
}

function isIterator(value: unknown): value is AsyncIterableIterator<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
