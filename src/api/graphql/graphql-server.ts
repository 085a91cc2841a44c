import './environment.ts';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { grafserv } from 'postgraphile/grafserv/node';
import { sendFault, sendProblem } from '../errors/problem.ts';
import { readJson } from '../http/json-body.ts';
import { pathOf } from '../http/path.ts';
import { BUSY, RETRY_AFTER } from '../http/request-queue.ts';
import type { ServerLimits } from '../http/server-limits.ts';
import type { CountRequest } from '../limits/request-limits.ts';
import type { StreamLimits } from '../limits/stream-limits.ts';
import type { IsActiveAccount } from '../login/account-status.ts';
import { type AdmitOptions, admitRequest } from '../login/admit-request.ts';
import type { Login } from '../login/login.ts';
import { mostBytesFor } from '../login/rights.ts';
import { loadOperations } from './allowed-operations.ts';
import { answerGraphiql, isGraphiqlPath } from './graphiql.ts';
import type { Bodies } from './plugins/requests-plugin.ts';
import { type ServingOptions, servingPreset } from './preset.ts';
import { shapeFault } from './request.ts';
import { schemaOf } from './schema-cache.ts';
import { createSockets, type Sockets } from './subscriptions/sockets.ts';
import { transactionAs } from './transaction-as.ts';

export type GraphqlOptions = Omit<ServingOptions, 'bodies' | 'operations'> & {
  login: Login;
  exists: IsActiveAccount;
  countRequest: CountRequest;
  limits: StreamLimits;
  bounds: ServerLimits;
  /** The path of a folder or file of operations. If it is set, no other operations run. */
  operations: string | undefined;
  /** The schemas of the user that are shown besides `howdah`. */
  schemas: readonly string[];
};

export type GraphqlServer = {
  /** Returns whether GraphQL, GraphiQL or its files are at this path. */
  serves(path: string): boolean;
  /** Returns whether GraphiQL or a file of it is at this path. */
  isPage(path: string): boolean;
  /**
   * Handles a request. A request without a valid login is answered with 401, and one beyond a limit
   * with 429. GraphiQL and its files need no login.
   */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
  upgrade: Sockets['upgrade'];
  /**
   * Ends all subscriptions. Call this before the HTTP server closes, because the server waits for
   * them.
   */
  closeSockets(): Promise<void>;
  /** Releases the server after the last request was answered. */
  close(): Promise<void>;
};

/**
 * Creates the server of the schema: `/graphql` over HTTP and WebSocket, GraphiQL at `/graphiql`.
 */
export async function createGraphqlServer(options: GraphqlOptions): Promise<GraphqlServer> {
  const { introspection } = options;
  const bodies: Bodies = new WeakMap();
  const operations =
    options.operations === undefined ? undefined : loadOperations(options.operations);
  const preset = servingPreset({ ...options, bodies, operations });
  const serv = grafserv({ preset, schema: await schemaOf(options.pool, options.schemas) });
  await serv.ready();
  const requests = createServer(); // never listens: grafserv takes requests only from a server
  await serv.addTo(requests, false);
  const sockets = createSockets(serv, options);
  const isPage = (path: string) => introspection && isGraphiqlPath(path);
  return {
    serves: (path) => path === '/graphql' || isPage(path),
    isPage,
    async handle(request, response) {
      if (isPage(pathOf(request.url))) return answerGraphiql(request, response);
      if (!(await takeRequest(request, response, { ...options, bodies }))) return;
      requests.emit('request', request, response);
    },
    upgrade: sockets.upgrade,
    closeSockets: sockets.close,
    async close() {
      await serv.release();
    },
  };
}

type RequestOptions = AdmitOptions &
  Pick<GraphqlOptions, 'connections' | 'requestQueue'> & { bodies: Bodies };

/** Checks a request and stores its body. Returns false if the request is rejected and answered. */
async function takeRequest(
  request: IncomingMessage,
  response: ServerResponse,
  options: RequestOptions,
): Promise<boolean> {
  const identity = await admitRequest(request, response, options);
  if (!identity) return false;
  if (request.method !== 'POST') {
    response.setHeader('allow', 'POST');
    sendFault(response, { status: 405, message: 'Send GraphQL requests by POST.' });
    return false;
  }
  const transaction = transactionAs(identity, request, options);
  const mostBytes = await mostBytesFor({ transaction }, request.headers).catch(() => undefined);
  if (mostBytes === undefined) {
    response.setHeader('retry-after', RETRY_AFTER);
    sendProblem(response, 503, BUSY, 'The server has too many requests at once.');
    return false;
  }
  return storeBody(request, response, { bodies: options.bodies, mostBytes });
}

async function storeBody(
  request: IncomingMessage,
  response: ServerResponse,
  { bodies, mostBytes }: { bodies: Bodies; mostBytes: number },
) {
  const body = await readJson(request, mostBytes);
  if (!body.ok) {
    if (body.fault !== 'gone') sendFault(response, body.fault);
    return false;
  }
  const message = shapeFault(body.value);
  if (message === undefined) bodies.set(request, body.value);
  else sendFault(response, { status: 400, message });
  return message === undefined;
}
