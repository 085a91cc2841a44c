import { randomBytes } from 'node:crypto';
import {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  fastify,
} from 'fastify';
import type { Logger } from 'pino';
import type { Pool } from '../db/pool.ts';
import type { Replica } from '../db/replica.ts';
import { answerClientError } from './client-errors.ts';
import { type DispatchOptions, dispatch } from './dispatch.ts';
import { healthRoutes } from './health.ts';
import { sendError } from './openai/errors.ts';
import { isOpenAiPath, nowhere } from './openai/nowhere.ts';
import { pathOf, shownPath } from './path.ts';
import { PROBLEM_TYPE, problem } from './problem.ts';
import { descriptionRoutes } from './rest/docs-page.ts';
import { methodsAt, type RestOptions, restRoutes } from './rest/serve.ts';
import type { Streams } from './rest/streams.ts';
import { schemaRoutes } from './schemas.ts';

/** How long requests under way may take when the server closes; a statement may take 5 s. */
const FAREWELL_MS = 8_000;

export type AppOptions = Omit<DispatchOptions, 'onError'> & {
  log: Logger;
  /** For what health asks. */
  pool: Pool;
  replica: Pick<Replica, 'trouble'> | undefined;
  rest: RestOptions;
};

/** What Fastify serves, on the one server that hands GraphQL and MCP their requests before it. */
export function createApp(options: AppOptions): { app: FastifyInstance; streams: Streams } {
  const { log, graphql, pool, rest } = options;
  const onError = (err: unknown) => log.error({ err }, 'a request failed');
  const app = fastify({
    serverFactory: (handler) => dispatch({ ...options, onError }, handler),
    clientErrorHandler: answerClientError,
    frameworkErrors: (error, _request, reply) => answerError(error, reply, log),
  });
  app.addHook('onRequest', async (request, reply) => {
    if (request.is404) return answerNowhere(app, request, reply); // before its body is read
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => answerError(error, reply, log));
  if (graphql.isPage('/graphiql')) app.get('/', (_request, reply) => reply.redirect('/graphiql'));
  healthRoutes(app, pool, options.replica);
  schemaRoutes(app);
  descriptionRoutes(app);
  return { app, streams: restRoutes(app, rest) };
}

/** There is nothing at this path, or nothing for this method. */
function answerNowhere(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply) {
  const url = pathOf(request.url);
  if (isOpenAiPath(url)) return sendError(reply, nowhere(request.method, url));
  const own = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((method) =>
    app.hasRoute({ method, url }),
  );
  const methods = own.length > 0 ? own : methodsAt(url);
  if (methods.length > 0) reply.header('allow', methods.join(', '));
  const [status, code] = methods.length > 0 ? [405, 'HWINV'] : [404, 'HWNTF'];
  const detail = `There is nothing at ${request.method} ${shownPath(request.url)}.`;
  const hint =
    methods.length > 0 ? `Here there is: ${methods.join(', ')}.` : '/docs lists what there is.';
  return reply
    .code(status)
    .type(PROBLEM_TYPE)
    .send(problem(status, code, detail, { hint }).body);
}

/** What is the client's fault is told; of anything else an id that stands in our log. */
function answerError(error: FastifyError, reply: FastifyReply, log: Logger) {
  const status = error.statusCode ?? 500;
  const id = randomBytes(6).toString('hex');
  if (status >= 500) log.error({ err: error, id }, 'a request failed');
  const { body } =
    status < 500
      ? problem(status, 'HWINV', error.message)
      : problem(status, 'EINTERNAL', `Something went wrong; it is logged as ${id}.`, { id });
  return reply.code(status).type(PROBLEM_TYPE).send(body);
}

/** Lets requests under way end, for a while. */
export async function closeApp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), FAREWELL_MS);
  await app.close();
  clearTimeout(timer);
}
