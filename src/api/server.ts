import './graphql/environment.ts';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { runAll } from '../concurrency/run-all.ts';
import type { Config } from '../config.ts';
import { setPublicAddress } from '../db/access/connected-accounts.ts';
import type { Pool } from '../db/connection/pool.ts';
import { inBrackets, isLoopback } from '../network/addresses.ts';
import { createReadiness, type Readiness } from '../telemetry/readiness.ts';
import { a2aRoutes } from './a2a/a2a-endpoint.ts';
import { agUiRoutes } from './ag-ui/ag-ui-endpoint.ts';
import { closeApp, createApp } from './app.ts';
import { chatUiRoutes } from './chat-ui/chat-endpoint.ts';
import { createStreamSources } from './events/stream-sources.ts';
import { createGraphqlServer } from './graphql/graphql-server.ts';
import { describeHiddenType, findHiddenTypes } from './graphql/hidden-types.ts';
import { createMetricsEndpoint, type MetricsEndpoint } from './health/metrics-endpoint.ts';
import { explainListenError } from './http/listen-error.ts';
import { inboundDeliveryRoutes } from './inbound/inbound-endpoint.ts';
import { type ConnectionDraining, createConnectionDraining } from './limits/connection-draining.ts';
import { wakeLists } from './lists/wake-lists.ts';
import { createMcpEndpoint } from './mcp/mcp-endpoint.ts';
import type { MountableApi } from './mount/handler.ts';
import { openMemoryConnection } from './mount/memory-connection.ts';
import { oauthRoutes } from './oauth/oauth-endpoint.ts';
import { oidcRoutes } from './oidc/oidc-endpoint.ts';
import { openAiRoutes } from './openai/openai-routes.ts';
import { type Closer, openServices, type Services, type ServicesOptions } from './services.ts';
import { createWebSocketEndpoint } from './ws/websocket-endpoint.ts';

export type ApiOptions = ServicesOptions & {
  metricsToken?: string | undefined;
} & Pick<Config, 'host' | 'port' | 'corsOrigins' | 'graphqlIntrospection' | 'graphqlOperations'> &
  Partial<Pick<Config, 'publicUrl' | 'graphqlSchemas' | 'oidc'>>;

/** The end of a server. */
type Shutdown = {
  /**
   * Makes `/readyz` report that the server is not ready, and ends each connection after its next
   * answer.
   */
  drain(): void;
  /**
   * Rejects new connections, ends subscriptions with a message, answers open requests, and closes
   * every connection.
   */
  close(): Promise<void>;
};

/** An API that listens on a port. */
export type ApiServer = Shutdown & {
  /** The URL, without a slash at its end. */
  url: string;
  port: number;
};

/** An API without a port. The program that opened it passes requests to it. */
export type UnlistedApi = Shutdown & MountableApi;

/**
 * Starts the API on one port: GraphQL, GraphiQL, REST, WebSockets, MCP, A2A, AG-UI, chats, the
 * endpoints for OpenAI clients, and health checks. Resolves when the server listens.
 *
 * Throws `HWDEN` when a login is required and no caller could have one; `HWCNF` when the database
 * is not migrated, or lacks the tenant of requests without a login; `HWINV` when GraphQL cannot be
 * built with the schemas of the user; `EADDRINUSE` when the port is
 * in use; and the error of node-pg when the database cannot be reached.
 */
export async function startApi(options: ApiOptions): Promise<ApiServer> {
  return openApi(options, async ({ app, pool, drain, close }) => {
    const port = await listen(app, options);
    const url = `http://${inBrackets(options.host)}:${port}`;
    await announce(pool, options, isLoopback(options.host) ? url : undefined);
    return { url, port, drain, close };
  });
}

/** Opens the API without a port. Throws as `startApi` does. */
export async function openUnlistedApi(options: ApiOptions): Promise<UnlistedApi> {
  return openApi(options, async ({ app, pool, draining, drain, close }) => {
    await app.ready();
    await announce(pool, options, undefined);
    return {
      get isClosing() {
        return draining.isClosing;
      },
      connect: (client) => openMemoryConnection(app.server, client),
      upgrade: (...request) => void app.server.emit('upgrade', ...request),
      drain,
      close,
    };
  });
}

/**
 * Stores the address at which browsers reach this API, for links to connect accounts. A failure is
 * only logged, so that it does not keep the API from starting.
 */
async function announce(
  pool: Pool,
  { publicUrl, log }: ApiOptions,
  ownUrl: string | undefined,
): Promise<void> {
  const url = (publicUrl ?? ownUrl)?.replace(/\/$/, '');
  if (url === undefined) return;
  await setPublicAddress(pool, url).catch((err: unknown) =>
    log.warn({ err }, 'the address of the API could not be stored'),
  );
}

type OpenApi = Shutdown & { app: FastifyInstance; pool: Pool; draining: ConnectionDraining };

/** Opens the server, which `serve` makes reachable. Closes everything again if that fails. */
async function openApi<T>(options: ApiOptions, serve: (api: OpenApi) => Promise<T>): Promise<T> {
  const { log } = options;
  const closers: Closer[] = [];
  const draining = createConnectionDraining();
  const readiness = createReadiness((err) => log.warn({ err }, 'not ready'));
  const drain = () => {
    readiness.drain();
    draining.begin();
  };
  const close = async () => {
    readiness.drain();
    draining.close();
    await runAll(closers.splice(0).reverse());
  };
  try {
    const services = await openServices(options, readiness, closers);
    const app = await openEndpoints({ options, services, readiness, draining }, closers);
    return await serve({ app, pool: services.pool, draining, drain, close });
  } catch (error) {
    await close().catch((err) => log.warn({ err }, 'resources of the API could not be closed'));
    throw error;
  }
}

type EndpointsOptions = {
  options: ApiOptions;
  services: Services;
  readiness: Readiness;
  draining: ConnectionDraining;
};

/** Opens the endpoints of all protocols on one server, which does not listen yet. */
async function openEndpoints(
  { options, services, readiness, draining }: EndpointsOptions,
  closers: Closer[],
): Promise<FastifyInstance> {
  const { auth, host, publicUrl, log } = options;
  const { pool, requests, bounds } = services;
  const graphql = await createGraphqlServer({
    ...{ ...services, pool: requests, streams: createStreamSources(services) },
    introspection: options.graphqlIntrospection,
    operations: options.graphqlOperations,
    schemas: options.graphqlSchemas ?? [],
  });
  closers.push(() => graphql.close());
  await warnOfHiddenTypes(requests, log, options.graphqlSchemas ?? []);
  const mcp = createMcpEndpoint({ ...services, pool: requests });
  const ws = createWebSocketEndpoint(services);
  const metrics = openMetrics(options, { login: pool, requests });
  const { app, streams } = createApp({
    ...{ ...options, ...bounds },
    ...{ metrics, mcp, ws, graphql, readiness, draining, rest: services },
  });
  wakeLists(app.server, services);
  const conversations = [openAiRoutes, a2aRoutes, agUiRoutes, chatUiRoutes].map((open) =>
    open(app, { ...services, auth, host, publicUrl }),
  );
  const inbound = inboundDeliveryRoutes(app, services);
  closers.push(() => inbound.close());
  oauthRoutes(app, { ...services.accounts, onError: services.onError });
  oidcRoutes(app, { ...options, pool, requests, onError: services.onError });
  closers.push(() =>
    closeApp(app, draining, {
      async endStreams() {
        streams.close();
        await Promise.all([ws.close(), mcp.close(), graphql.closeSockets()]);
      },
      endAnswers() {
        for (const conversation of conversations) conversation.close();
      },
    }),
  );
  return app;
}

/**
 * Logs a warning for each type that GraphQL leaves out. A failure is only logged, so that it does
 * not keep the API from starting.
 */
async function warnOfHiddenTypes(pool: Pool, log: Logger, added: readonly string[]): Promise<void> {
  try {
    for (const hidden of await findHiddenTypes(pool, added)) log.warn(describeHiddenType(hidden));
  } catch (err) {
    log.warn({ err }, 'the types that GraphQL omits could not be determined');
  }
}

/**
 * Adds the pools to the metrics and returns the endpoint that serves the metrics, if there are any.
 */
function openMetrics(
  { metrics, metricsToken, auth }: ApiOptions,
  pools: Readonly<Record<string, Pool>>,
): MetricsEndpoint | undefined {
  if (!metrics) return undefined;
  for (const [name, pool] of Object.entries(pools)) metrics.watchPool(name, () => pool);
  return createMetricsEndpoint({ metrics, auth, metricsToken });
}

async function listen(app: FastifyInstance, { host, port }: ApiOptions): Promise<number> {
  await app.listen({ host, port }).catch((error: unknown) => {
    const hint = `Set another port: PORT=${port + 1}, or PORT=0 for any free port.`;
    throw explainListenError(error, { host, port }, hint);
  });
  return (app.server.address() as AddressInfo).port;
}
