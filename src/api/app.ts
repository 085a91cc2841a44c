import { randomBytes } from 'node:crypto';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Logger } from 'pino';
import type { Readiness } from '../telemetry/readiness.ts';
import { consoleRoutes } from './console/console-routes.ts';
import { answerClientError } from './errors/client-errors.ts';
import { otherWay } from './errors/other-ways.ts';
import { PROBLEM_TYPE, problem } from './errors/problem.ts';
import { isGraphiqlPath } from './graphql/graphiql.ts';
import { healthRoutes } from './health/health.ts';
import { schemaRoutes } from './health/schemas.ts';
import { pathOf, shownPath } from './http/path.ts';
import { createHttpServer, type HttpServerOptions } from './http-server.ts';
import type { ConnectionDraining } from './limits/connection-draining.ts';
import { isOpenAiPath, notFoundError } from './openai/not-found.ts';
import { sendError } from './openai/openai-errors.ts';
import { descriptionRoutes } from './openapi-routes.ts';
import type { Streams } from './rest/framework/streams.ts';
import { methodsAt, type RestOptions, serveRest } from './rest/serve.ts';

/** Time that running requests have to finish when the server closes. A statement may take 5 s. */
const FINISH_MS = 8_000;
/** Additional time in which unfinished requests may send the reason. */
const REASON_MS = 500;
const IDLE_MS = 50;

export type AppOptions = Omit<HttpServerOptions, 'onError'> & {
  log: Logger;
  readiness: Readiness;
  rest: RestOptions;
};

/**
 * Creates the Fastify app on the shared HTTP server. That server passes the requests for GraphQL
 * and MCP to their endpoints before Fastify sees them.
 */
export function createApp(options: AppOptions): { app: FastifyInstance; streams: Streams } {
  const { log, readiness, rest } = options;
  const onError = (err: unknown) => log.error({ err }, 'a request failed');
  const app = fastify({
    serverFactory: (handler) => createHttpServer({ ...options, onError }, handler),
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => answerError(error, reply, log),
  });
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return answerNotFound(app, request, reply); // before its body is read
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => answerError(error, reply, log));
  consoleRoutes(app);
  healthRoutes(app, readiness);
  schemaRoutes(app);
  descriptionRoutes(app, options);
  return { app, streams: serveRest(app, rest) };
}

/** Answers a request to an unknown path with 404, and one with an unsupported method with 405. */
function answerNotFound(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
  const url = pathOf(request.url);
  if (isOpenAiPath(url)) return sendError(reply, notFoundError(request.method, url));
  const own = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    app.hasRoute({ method, url }),
  );
  const methods = own.length > 0 ? own : methodsAt(url);
  if (methods.length > 0) reply.header('allow', methods.join(', '));
  const [status, code] = methods.length > 0 ? [405, 'HWINV'] : [404, 'HWNTF'];
  const detail = `${request.method} ${shownPath(request.url)} does not exist.`;
  const allowed = methods.length > 0 ? `Allowed methods: ${methods.join(', ')}.` : undefined;
  const other = otherWay(request.method, url);
  const hint = [allowed, other].filter(Boolean).join(' ') || hintOfMissing(url);
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(problem(status, code, detail, { hint }).body);
}

function hintOfMissing(path: string): string {
  return isGraphiqlPath(path)
    ? 'GraphiQL is off where a login is required. To turn it on, start the server with HOWDAH_GRAPHQL_INTROSPECTION=on.'
    : 'See /docs for the list of paths.';
}

/**
 * Answers with the message of an error that the client caused. For any other error, answers with an
 * id that is in the log.
 */
function answerError(error: FastifyError, reply: FastifyReply, log: Logger) {
  const status = error.statusCode ?? 500;
  const id = randomBytes(6).toString('hex');
  if (status >= 500) log.error({ err: error, id }, 'a request failed');
  const { body } =
    status < 500
      ? problem(status, 'HWINV', error.message)
      : problem(status, 'EINTERNAL', `Internal error; see the log entry ${id}.`, { id });
  return reply.code(status).type(PROBLEM_TYPE).send(body);
}

/** The steps of a shutdown, in order. */
export type ShutdownSteps = {
  /** Ends the streams and sockets, which clients resume at another server. */
  endStreams(): Promise<void>;
  /** Ends the answers in progress, which clients cannot resume. */
  endAnswers(): void;
};

/**
 * Closes the server: accepts no new connections, ends streams at once, and gives running requests
 * time to finish.
 */
export async function closeApp(
  app: FastifyInstance,
  draining: ConnectionDraining,
  steps: ShutdownSteps,
): Promise<void> {
  const { server } = app;
  const closed = new Promise<void>((resolve) => void server.close(() => resolve()));
  const gone = Promise.all([closed, draining.whenUnused()]);
  // An idle connection would keep the server open. A client that sends a request now is told to
  // open another connection.
  const idle = setInterval(() => server.closeIdleConnections(), IDLE_MS);
  const late = setTimeout(() => steps.endAnswers(), FINISH_MS);
  const last = setTimeout(() => draining.destroyConnections(), FINISH_MS + REASON_MS);
  await steps.endStreams();
  await gone;
  clearInterval(idle);
  clearTimeout(late);
  clearTimeout(last);
  steps.endAnswers();
  await app.close();
}
