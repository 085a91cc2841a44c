import '../environment.ts';
import type { makeGraphQLWSConfig } from 'postgraphile/grafserv';
import { GraphQLError } from 'postgraphile/graphql';
import type { WebSocket } from 'ws';
import type { HowdahError } from '../../../contracts/errors.ts';
import { BUSY, createRequestQueue, type RequestQueue } from '../../http/request-queue.ts';
import type { ServerLimits } from '../../http/server-limits.ts';
import type { CallerTurns } from '../../limits/caller-turns.ts';
import type { CountRequest } from '../../limits/request-limits.ts';
import type { StreamLimits } from '../../limits/stream-limits.ts';
import type { Identity } from '../../login/auth-result.ts';
import type { Identities } from '../../login/identities.ts';
import type { Backpressure } from './backpressure.ts';

/** Time that a subscription may wait for its start. */
const START_MS = 30_000;
const CLOSED = 'This connection is closed.';

/** A handler of grafserv, which provides all of them. */
type Handler<K extends keyof WsConfig> = NonNullable<WsConfig[K]>;
type WsConfig = ReturnType<typeof makeGraphQLWSConfig>;

export type LimitOptions = {
  requestQueue: RequestQueue;
  turns: CallerTurns;
  limits: StreamLimits;
  identities: Identities;
  countRequest: CountRequest;
  bounds: Pick<ServerLimits, 'connections' | 'sockets' | 'operations'>;
};

/** Adds the limits of requests and streams to the handlers of grafserv. */
export function limitHandlers(config: WsConfig, options: LimitOptions): WsConfig {
  const { bounds, requestQueue, limits, identities } = options;
  // After a deploy, every subscriber returns at the same moment. The start of a subscription costs
  // one short query. All starts together take at most half of the connections from requests.
  const starts = createRequestQueue({
    connections: Math.ceil(bounds.connections / 2),
    waiting: bounds.sockets,
    waitMs: START_MS,
  });
  const onSubscribe = countRequests(config.onSubscribe as Handler<'onSubscribe'>, options);
  const subscribe = waitForTurn(config.subscribe as Handler<'subscribe'>, starts, identities);
  return {
    ...config,
    onSubscribe: limitOperations(onSubscribe, bounds.operations),
    execute: waitForTurn(config.execute as Handler<'execute'>, requestQueue, identities),
    subscribe: limitStreams(applyBackpressure(subscribe), limits, identities),
  };
}

/** Limits the operations of one socket. Beyond the limit, the result is an error. */
function limitOperations(
  onSubscribe: Handler<'onSubscribe'>,
  most: number,
): Handler<'onSubscribe'> {
  return async (context, id, payload) => {
    if (Object.keys(context.subscriptions).length <= most) {
      return onSubscribe(context, id, payload);
    }
    const extensions = { code: 'HWQTA', hint: 'End some operations, or open another connection.' };
    return [
      new GraphQLError(`a connection may have at most ${most} operations at once`, { extensions }),
    ];
  };
}

/**
 * Counts each operation as a request, and parses and validates it in the turn of its caller. Beyond
 * a limit, the result is an error with code `HWQTA`; after too long a wait, with code `53300`.
 */
function countRequests(
  onSubscribe: Handler<'onSubscribe'>,
  { countRequest, identities, turns }: LimitOptions,
): Handler<'onSubscribe'> {
  return async (context, id, payload) => {
    const { socket } = context.extra as unknown as { socket: WebSocket };
    const identity = identities.get(socket);
    // A rejected client may go on sending until its end is closed, too.
    if (!identity || socket.readyState !== socket.OPEN) return [new GraphQLError(CLOSED)];
    const refusal = await countRequest(identity);
    if (!refusal) {
      const read = async () => onSubscribe(context, id, payload);
      return turns.serve(identity, read).catch((error: unknown) => refusalOf(error).errors);
    }
    const { message, hint, detail } = refusal;
    return [new GraphQLError(message, { extensions: { code: 'HWQTA', hint, detail } })];
  };
}

/**
 * Makes operations wait for their turn. Beyond the capacity of the server, the result is an error
 * with code `53300`.
 */
function waitForTurn<H extends Handler<'execute'> | Handler<'subscribe'>>(
  handle: H,
  requestQueue: RequestQueue,
  identities: Identities,
): H {
  const handleInTurn = async (args: Parameters<H>[0]) => {
    try {
      return await requestQueue.run(callerOf(args, identities), async () => handle(args));
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
  if (!identity) throw new GraphQLError(CLOSED);
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
function applyBackpressure(subscribe: Handler<'subscribe'>): Handler<'subscribe'> {
  return async (args) => {
    const results = await subscribe(args);
    const pace = (args.contextValue as { pace?: Backpressure } | undefined)?.pace;
    return isIterator(results) && pace ? pace.sink(results) : results;
  };
}

function isIterator(value: unknown): value is AsyncIterableIterator<unknown> {
  return typeof value === 'object' && value !== null && Symbol.asyncIterator in value;
}
