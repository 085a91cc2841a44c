import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { TestedModel, TryUnsavedModel } from '../../contracts/agents/model-test.ts';
import type { ReadSecret } from '../../contracts/secret.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import type { ListFeed } from '../../db/lists/list-feed.ts';
import { isJsonObject, type Json } from '../../json/json.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import type { SecretWriter } from '../../secrets/writer.ts';
import { answerFailure, type ErrorLog, errorAnswerOf } from '../errors/answer-error.ts';
import { logEvents } from '../events/log-events.ts';
import { runEvents } from '../events/run-events.ts';
import { sessionEvents } from '../events/session-events.ts';
import {
  createStreamSources,
  type StreamSources,
  type StreamSourcesOptions,
} from '../events/stream-sources.ts';
import type { FeedHub } from '../feed/feed-hub.ts';
import { onAbort } from '../http/on-abort.ts';
import type { RequestQueue } from '../http/request-queue.ts';
import type { CallerQueries } from '../limits/caller-queries.ts';
import { leftSignal } from '../limits/connection-draining.ts';
import type { Connections } from '../limits/connections.ts';
import type { CountRequest } from '../limits/request-limits.ts';
import type { StreamLimits } from '../limits/stream-limits.ts';
import { listEvents } from '../lists/list-events.ts';
import type { IsActiveAccount } from '../login/account-status.ts';
import { admitRequest } from '../login/admit-request.ts';
import type { Identity } from '../login/auth-result.ts';
import type { Identities } from '../login/identities.ts';
import type { Login } from '../login/login.ts';
import { permitBody } from '../login/rights.ts';
import { inTransactionAs, settingsFor } from '../login/session-settings.ts';
import { type ReplicaRouter, readPosition } from '../replica/read-your-writes.ts';
import { readRequest } from './framework/read-request.ts';
import type { Events, Route, RouteContext, RouteInput, RouteResponse } from './framework/route.ts';
import { Streams } from './framework/streams.ts';
import { workOnce } from './idempotency.ts';
import { restRoutes } from './rest-routes.ts';

export type RestOptions = StreamSourcesOptions & {
  login: Login;
  exists: IsActiveAccount;
  limits: StreamLimits;
  /** The connections that requests share. `pool` serves statements for many requests at once. */
  connections: Connections;
  callerQueries: CallerQueries;
  countRequest: CountRequest;
  identities: Identities;
  requestQueue: RequestQueue;
  secrets: SecretWriter;
  /** Reads the key of a model that is tested before it is stored. */
  readSecret: ReadSecret;
  tryUnsavedModel: TryUnsavedModel | undefined;
  /** Present if there is a replica. */
  reads: ReplicaRouter | undefined;
  /** The feed of lists, which all endpoints share. */
  lists: ListFeed;
  onError: ErrorLog;
};

/**
 * Registers the REST API. Each route authenticates the caller, counts and checks the request, and
 * answers in a transaction as the caller. The transaction decides what the caller may do, as in
 * every other protocol.
 */
export function serveRest(app: FastifyInstance, options: RestOptions): Streams {
  const streams = new Streams({
    exists: options.exists,
    limits: options.limits,
    turns: options.turns,
    failureOf: (error) => errorAnswerOf(error, options.onError),
  });
  const context = { ...options, streams, live: createStreamSources(options) };
  app.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null)); // read by the route
    scope.addHook('onRequest', async (request, reply) => {
      if (!(await admitRequest(request.raw, reply.raw, options))) reply.hijack();
    });
    scope.setErrorHandler((error, _request, reply) =>
      answerFailure(reply, errorAnswerOf(error, options.onError)),
    );
    for (const route of restRoutes) {
      scope.route({
        method: route.method,
        url: route.path.replaceAll(/\{(\w+)\}/g, ':$1'),
        exposeHeadRoute: route.work !== undefined,
        handler: (request, reply) => answer(route, request, reply, context),
      });
    }
  });
  return streams;
}

type RestContext = RestOptions & { streams: Streams; live: StreamSources };

/** Returns the methods that routes have at a path. */
export function methodsAt(path: string): string[] {
  const patterns = restRoutes.filter(({ path: known }) =>
    new RegExp(`^${known.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`).test(path),
  );
  return [...new Set(patterns.map(({ method }) => method))];
}

async function answer(
  route: Route,
  request: FastifyRequest,
  reply: FastifyReply,
  context: RestContext,
) {
  const identity = context.identities.get(request.raw);
  if (!identity) throw new Error('the request was not authenticated');
  const routeContext = createRouteContext(route, identity, request, reply, context);
  const { headers, url } = request;
  const { transaction } = routeContext;
  const permitWrite = async (isRequired: boolean) => {
    if (!route.body || route.method === 'GET') return;
    const permission = route.permission ?? { object: objectOf(route) };
    await permitBody({ identity, transaction }, headers, permission, isRequired);
  };
  await permitWrite(route.permission !== undefined);
  const read = await readRequest(route, request).catch(async (error) => {
    await permitWrite(true); // a caller without the right does not learn what the body lacks
    throw error;
  });
  if (!read) return reply.hijack();
  const input = { ...read, headers, url, identity } as RouteInput<never, never, never>;
  const uncount = isLasting(route, input) ? context.streams.admit(reply.raw, identity) : undefined;
  try {
    const result = route.serve
      ? await route.serve(input, routeContext)
      : await answerInTransaction(route, input, routeContext);
    if (!('events' in result)) return send(reply, result, headers['if-none-match']);
    reply.hijack();
    return await context.streams.write(reply.raw, identity, result.events, result.headers);
  } finally {
    uncount?.();
  }
}

/**
 * Returns whether an answer streams events or waits for a run. Such an answer is counted before it
 * begins.
 */
function isLasting(route: Route, { query, body }: RouteInput<never, never, never>): boolean {
  if (route.method === 'GET' && route.answers[200]?.type === EVENT_STREAM) return true;
  return [query, body].some((sent: Json) => isJsonObject(sent) && (sent.stream || sent.wait));
}

const EVENT_STREAM = 'text/event-stream';

/** Returns the name that `howdah.permissions` has for the rows that a route changes. */
function objectOf({ tag }: Route): string {
  return tag === 'questions' ? 'executions' : tag.replaceAll(/[- ]/g, '_');
}

async function answerInTransaction(
  route: Route,
  input: RouteInput<never, never, never>,
  routeContext: RouteContext,
): Promise<RouteResponse | Events> {
  const { transaction } = routeContext;
  await route.prepare?.(transaction, input, routeContext.leftSignal());
  const answer = await transaction((db) => workOnce(db, route, input, routeContext));
  const run = await route.follows?.(input, answer, routeContext);
  if (run === undefined) return answer;
  const headers = { ...answer.headers, 'content-location': `/api/executions/${run}/stream` };
  const { tree = false } = (input as { body?: { tree?: boolean } }).body ?? {};
  return { events: routeContext.runEvents(run, { seq: 0, n: 0 }, { tree }), headers };
}

function createRouteContext(
  route: Route,
  identity: Identity,
  request: FastifyRequest,
  reply: FastifyReply,
  context: RestContext,
): RouteContext {
  const { connections, reads, requestQueue, secrets, streams, hub, live, lists } = context;
  const tryModel = context.tryUnsavedModel;
  const settings = {
    ...settingsFor(identity, 'rest', request.raw.socket.remoteAddress),
    timezone: 'UTC',
  };
  const position = reads && route.isReplicable ? readPosition(request.headers) : 0n;
  // A read is cancelled when its client disconnects.
  const signal = route.method === 'GET' ? leftSignal(reply.raw) : undefined;
  const transaction = <T>(work: (db: Queryable) => Promise<T>) =>
    requestQueue.run(identity, async () => {
      const onPrimary = () => inTransactionAs(connections.as(identity, signal), settings, work);
      if (reads && route.isReplicable) {
        const replica = reads.connections.as(identity, signal);
        const onReplica = () => inTransactionAs(replica, settings, work);
        return reads.read(identity, position, onReplica, onPrimary);
      }
      const result = await onPrimary();
      if (route.method !== 'GET') await reads?.recordWrite(identity, reply.raw);
      return result;
    });
  const source = live(identity);
  return {
    secrets,
    transaction,
    leftSignal: () => leftSignal(reply.raw),
    queryRows: context.callerQueries(identity, settings, () => leftSignal(reply.raw)),
    ...(tryModel && {
      tryUnsavedModel: async (tested, key) =>
        tryModel(tested, {
          key: key ?? (await readKey(tested, identity.tenantId, context.readSecret)),
          ...{ tenantId: identity.tenantId, ownsMachine: identity.ownsMachine === true },
          signal: leftSignal(reply.raw),
        }),
    }),
    waitForEnd: (id, ms) =>
      streams.wait(reply.raw, identity, ms, (signal) => untilEnded(hub, id, signal)),
    runEvents: (id, after, options) => (signal) => runEvents(source, id, after, signal, options),
    sessionEvents: (id, after, options) => (signal) =>
      sessionEvents(source, id, after, signal, options),
    logEvents: (start) => (signal) => logEvents(source.followLog, start, signal),
    listEvents: (opened, readOwn) => (signal) =>
      listEvents(lists, identity, opened, {
        signal,
        readOwn: readOwn && ((ids) => transaction((db) => readOwn(db, ids))),
      }),
  };
}

async function untilEnded(hub: FeedHub, id: string, signal: AbortSignal): Promise<void> {
  const states = hub.states(id);
  const cancel = onAbort(signal, () => void states.return?.());
  try {
    for await (const _state of states);
  } finally {
    cancel();
  }
}

function send(reply: FastifyReply, answer: RouteResponse, known = '') {
  const { status = 200, body, type, text, headers, tag, isTagOfAll = true } = answer;
  reply.headers({ 'cache-control': 'no-store', ...headers });
  if (tag !== undefined) {
    reply.header('etag', `"${tag}"`).header('cache-control', 'no-cache');
    if (isTagOfAll && status === 200 && matches(known, tag)) return reply.code(304).send();
  }
  if (text) return reply.code(status).type(text.type).send(text.content);
  if (body === undefined) return reply.code(status).send();
  if (type !== undefined) return reply.code(status).type(type).send(body);
  return reply.code(status).type('application/json; charset=utf-8').send(JSON.stringify(body));
}

/** Returns whether a header of tags (`If-Match`, `If-None-Match`) contains a tag. */
export function matches(header: string, tag: string): boolean {
  const tags = header.split(',').map((one) => one.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(`"${tag}"`);
}

/** Returns the key of a model that names a secret. Throws `HWINV` if it cannot be read. */
async function readKey(
  { model: { secret_name } }: TestedModel,
  tenantId: string,
  readSecret: ReadSecret,
): Promise<string | undefined> {
  if (secret_name === undefined) return undefined;
  const secret = await readSecret(tenantId, secret_name);
  if (secret.ok) return secret.value;
  throw new RequestRefusal(400, secret.error.message, { detail: { field: 'secret_name' } });
}
