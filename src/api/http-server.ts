import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http';
import type { Config } from '../config.ts';
import { answerBare, sendProblem } from './errors/problem.ts';
import type { GraphqlServer } from './graphql/graphql-server.ts';
import type { MetricsEndpoint } from './health/metrics-endpoint.ts';
import { allowReading, answerPreflight, isPreflight, originIsAllowed } from './http/cors.ts';
import { createLoopbackGuard, isOfSamePort } from './http/loopback-guard.ts';
import { pathOf, shownPath } from './http/path.ts';
import { BUSY } from './http/request-queue.ts';
import { setSecurityHeaders } from './http/security-headers.ts';
import { HOOKS } from './inbound/inbound-paths.ts';
import type { ConnectionDraining } from './limits/connection-draining.ts';
import type { McpEndpoint } from './mcp/mcp-endpoint.ts';
import { isOpenAiPath } from './openai/not-found.ts';
import { openAiError } from './openai/openai-errors.ts';
import type { WebSocketEndpoint } from './ws/websocket-endpoint.ts';

/**
 * Most bytes of the headers. A token that is far too long still fits, so that its sender is
 * answered with 401 for the token and not with 431 for the headers.
 */
const MAX_HEADER_BYTES = 128 * 1024;

export type HttpServerOptions = Pick<Config, 'host' | 'auth' | 'corsOrigins'> & {
  graphql: GraphqlServer;
  mcp: McpEndpoint;
  metrics?: MetricsEndpoint | undefined;
  ws: WebSocketEndpoint;
  requestMs: number;
  draining: ConnectionDraining;
  onError(error: unknown, request: IncomingMessage): void;
};

/**
 * Creates the HTTP server. Requests for GraphQL go to grafserv, requests for `/mcp`, `/metrics` and
 * `/ws` go to their endpoints, and all others go to Fastify. Before that, the server checks where a
 * request comes from. Without a login, the request must come from this machine. With a login, the
 * request must not come from a page of a foreign Origin. Requests to inbound hooks are signed, and
 * may come from anywhere.
 */
export function createHttpServer(options: HttpServerOptions, others: RequestListener): Server {
  const { graphql, mcp, metrics, ws, corsOrigins, requestMs, draining, onError } = options;
  const refusalOf = createGate(options);
  const server = createServer(serverOptions(requestMs));
  server.on('connection', draining.watchConnection);
  server.on('request', (request, response) => {
    const path = pathOf(request.url);
    draining.watch(response);
    metrics?.watch(path, request, response);
    setSecurityHeaders(request, response, graphql.isPage(path));
    // the signature of a request to a hook stands for its origin
    const refusal = path.startsWith(HOOKS) ? undefined : refusalOf(request);
    if (isHostless(request))
      return sendProblem(response, 400, 'HWINV', 'The header Host is missing.');
    if (refusal) return sendForbidden(response, path, refusal);
    allowReading(request, response, corsOrigins);
    if (isPreflight(request)) return answerPreflight(request, response);
    const endpoint = [graphql, mcp, metrics, ws].find((one) => one?.serves(path));
    if (!endpoint) return others(request, response);
    endpoint.handle(request, response).catch((error: unknown) => {
      onError(error, request);
      response.destroy();
    });
  });
  server.on('upgrade', (request, socket, head) => {
    const refusal = refusalOf(request) ?? refuseOtherPort(request, corsOrigins);
    if (refusal) return answerBare(socket, 403, 'HWDEN', refusal);
    if (draining.isClosing) {
      const detail = 'This server is shutting down; connect again.';
      return answerBare(socket, 503, BUSY, detail, { 'retry-after': '1' });
    }
    const path = pathOf(request.url);
    if (path === '/graphql') return graphql.upgrade(request, socket, head);
    if (ws.serves(path)) return ws.upgrade(request, socket, head);
    answerBare(socket, 404, 'HWNTF', `There is no WebSocket at ${shownPath(request.url)}.`);
  });
  server.on('connect', (_request, socket) => {
    answerBare(socket, 405, 'HWINV', 'This server is not a proxy and does not support CONNECT.');
  });
  server.on('checkExpectation', (request, response) => {
    const detail = `The expectation ${request.headers.expect} cannot be met.`;
    sendProblem(response, 417, 'HWINV', detail);
  });
  return server;
}

/**
 * Time after which a connection without requests is closed. Most load balancers close such a
 * connection after 60 s. This time is longer, so that the server does not close a connection that
 * the balancer is about to use.
 */
const IDLE_MS = 75_000;

/**
 * Returns the options of the server. A client that also offers another protocol (h2c) is answered
 * in HTTP/1.1. A request without a Host header is rejected by the handler above, not by Node.
 */
function serverOptions(requestMs: number): ServerOptions {
  return {
    requestTimeout: requestMs,
    headersTimeout: requestMs,
    keepAliveTimeout: IDLE_MS,
    connectionsCheckingInterval: Math.ceil(requestMs / 6),
    maxHeaderSize: MAX_HEADER_BYTES,
    requireHostHeader: false,
    shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
  };
}

function isHostless({ headers, httpVersion }: IncomingMessage): boolean {
  return headers.host === undefined && httpVersion === '1.1';
}

/** Sends 403 in the error format of the endpoint at the path. */
function sendForbidden(response: ServerResponse, path: string, message: string): void {
  if (isOpenAiPath(path)) {
    const { error } = openAiError({ status: 403, code: 'HWDEN', message, detail: null });
    const type = 'application/json; charset=utf-8';
    response.writeHead(403, { 'content-type': type }).end(JSON.stringify({ error }));
  } else {
    sendProblem(response, 403, 'HWDEN', message);
  }
}

/**
 * Creates the check of a request by its headers alone. The check returns why the request is
 * rejected, or undefined.
 */
function createGate({ host, auth, corsOrigins }: HttpServerOptions) {
  if (auth === 'none') return createLoopbackGuard(host);
  return (request: IncomingMessage): string | undefined => {
    return originIsAllowed(request, corsOrigins) ? undefined : FOREIGN_PAGE;
  };
}

const FOREIGN_PAGE =
  'Pages of this Origin may not send requests to this server. Add the Origin to HOWDAH_CORS_ORIGINS.';

/** Returns why a local page may not open a socket: it is of another server, and is not listed. */
function refuseOtherPort(
  { headers }: IncomingMessage,
  corsOrigins: readonly string[],
): string | undefined {
  const isListed = corsOrigins.includes(headers.origin ?? '');
  return isListed || isOfSamePort(headers) ? undefined : FOREIGN_PAGE;
}
