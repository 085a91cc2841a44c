import './graphql/environment.ts';
import { randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type FastifyError, type FastifyInstance, fastify } from 'fastify';
import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import { HowdahError } from '../contracts/errors.ts';
import { createPool, type Pool } from '../db/pool.ts';
import { createFeedHub } from './feed-hub.ts';
import { createGraphqlServer, type GraphqlServer } from './graphql/server.ts';
import { healthRoutes, isMigrated } from './health.ts';
import { inBrackets, type LocalOnly, localOnly } from './local-only.ts';
import { PROBLEM_TYPE, problem, sendProblem } from './problem.ts';

/** Connections for requests; a request uses one while it asks the database, not while it waits. */
const POOL_SIZE = 10;
/** How long a request may take to arrive. */
const REQUEST_MS = 30_000;
/** How long requests under way may take when the server closes; a statement may take 5 s. */
const FAREWELL_MS = 8_000;
const FOREIGN =
  'This server has no login and answers requests of its own machine only: Host and Origin must be local.';

export type ApiOptions = {
  /** An owner's URL. */
  url: string;
  log: Logger;
} & Pick<Config, 'host' | 'port' | 'auth'>;

export type Api = {
  /** Without a slash at its end. */
  url: string;
  port: number;
  /** Says goodbye to subscribers, answers what was asked, lets go of every connection. */
  close(): Promise<void>;
};

/**
 * Starts the API: GraphQL, GraphiQL and health on one port. Resolves when it listens.
 *
 * Throws `HWDEN` when a login is required, which this release does not have; `HWCNF` when the database is not migrated;
 * `EADDRINUSE`; and what node-pg throws when the database cannot be reached.
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  refuseLogin(options);
  const { url, host, log } = options;
  const closers: (() => Promise<unknown>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    const pool = createPool({ url, applicationName: 'howdah-api', max: POOL_SIZE });
    closers.push(() => pool.end());
    const tenantId = await defaultTenant(pool);
    const warn = (err: unknown) => log.warn({ err }, 'the live feed lost its connection');
    const hub = await createFeedHub({ url, onError: warn });
    closers.push(() => hub.close());
    const onError = (err: unknown, id: string) => log.error({ err, id }, 'a request failed');
    const graphql = await createGraphqlServer({ pool, hub, tenantId, onError });
    closers.push(() => graphql.close());
    const app = createApp(graphql, pool, localOnly(host), log);
    closers.push(() => closeApp(app));
    closers.push(() => graphql.closeSockets());
    const port = await listen(app, options);
    return { url: `http://${inBrackets(host)}:${port}`, port, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function refuseLogin({ auth, host }: ApiOptions): void {
  if (auth === 'none') return;
  throw new HowdahError(
    'HWDEN',
    `HOST is ${host} and a login is required, but there is no login yet`,
    {
      hint: 'Tokens come with a later release; until then keep HOST on loopback (127.0.0.1) and unset HOWDAH_AUTH.',
    },
  );
}

async function defaultTenant(pool: Pool): Promise<string> {
  const { rows } = (await isMigrated(pool))
    ? await pool.query(`select t.id from howdah.tenants as t where t.slug = 'default'`)
    : { rows: [] };
  if (rows[0]) return rows[0].id;
  throw new HowdahError('HWCNF', 'the database is not migrated', {
    hint: 'Run: npx howdah migrate up',
  });
}

/** One HTTP server: GraphQL's paths go to grafserv, all others to Fastify. */
function createApp(
  graphql: GraphqlServer,
  pool: Pool,
  isLocal: LocalOnly,
  log: Logger,
): FastifyInstance {
  const app = fastify({
    serverFactory: (handler) => dispatch(graphql, isLocal, handler),
  });
  app.setNotFoundHandler((request, reply) => {
    const detail = `There is nothing at ${request.method} ${pathOf(request.url)}.`;
    return reply.code(404).type(PROBLEM_TYPE).send(problem(404, detail).body);
  });
  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = error.statusCode ?? 500;
    const id = randomBytes(6).toString('hex');
    if (status >= 500) log.error({ err: error, id }, 'a request failed');
    const detail = status < 500 ? error.message : `Something went wrong; it is logged as ${id}.`;
    return reply.code(status).type(PROBLEM_TYPE).send(problem(status, detail).body);
  });
  app.get('/', async (_request, reply) => reply.redirect('/graphiql'));
  healthRoutes(app, pool);
  return app;
}

function dispatch(
  graphql: GraphqlServer,
  isLocal: LocalOnly,
  others: Parameters<typeof createServer>[1] & ((...args: never) => unknown),
): Server {
  const server = createServer({ requestTimeout: REQUEST_MS }, (request, response) => {
    if (!isLocal(request)) sendProblem(response, 403, FOREIGN);
    else if (graphql.serves(pathOf(request.url))) graphql.handle(request, response);
    else others(request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    if (isLocal(request) && pathOf(request.url) === '/graphql') {
      graphql.upgrade(request, socket, head);
    } else {
      socket.end(`HTTP/1.1 ${isLocal(request) ? '404 Not Found' : '403 Forbidden'}\r\n\r\n`);
    }
  });
  return server;
}

async function closeApp(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), FAREWELL_MS);
  await app.close();
  clearTimeout(timer);
}

function pathOf(url = '/'): string {
  return url.split('?', 1)[0] ?? url;
}

async function listen(app: FastifyInstance, { host, port }: ApiOptions): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new HowdahError('EADDRINUSE', `port ${port} of ${host} is in use`, {
      hint: `Take another one: PORT=${port + 1}, or PORT=0 for any that is free.`,
      detail: { host, port },
      cause: error,
    });
  }
  return (app.server.address() as AddressInfo).port;
}
