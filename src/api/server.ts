import './graphql/environment.ts';
import type { AddressInfo } from 'node:net';
import type { FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import { runAll } from '../concurrency/run-all.ts';
import type { Config } from '../config.ts';
import { HowdahError } from '../contracts/errors.ts';
import { hasApiKeys } from '../db/access/api-keys.ts';
import { secretRowsOn } from '../db/access/secrets.ts';
import { MOST_CONNECTIONS } from '../db/connection/connection-limits.ts';
import { createPool, type Pool } from '../db/connection/pool.ts';
import { refuseOtherServer } from '../db/connection/same-server.ts';
import { inBrackets } from '../network/addresses.ts';
import { type MasterKeys, noMasterKeys } from '../secrets/master-keys.ts';
import { createSecretWriter } from '../secrets/writer.ts';
import type { ApiMetrics } from '../telemetry/metrics.ts';
import { createReadiness } from '../telemetry/readiness.ts';
import { a2aRoutes } from './a2a/endpoint.ts';
import { agUiRoutes } from './ag-ui/endpoint.ts';
import { closeApp, createApp } from './app.ts';
import { createFeedHub } from './feed/feed-hub.ts';
import { describeHiddenType, findHiddenTypes } from './graphql/hidden-types.ts';
import { createGraphqlServer } from './graphql/server.ts';
import { createVisibilityGuard } from './graphql/subscriptions/visibility-guard.ts';
import { isMigrated } from './health/health.ts';
import { createMetricsEndpoint, type MetricsEndpoint } from './health/metrics-endpoint.ts';
import { watchReadiness } from './health/readiness.ts';
import { createAdmission } from './http/admission.ts';
import { defaultServerLimits, type ServerLimits } from './http/server-limits.ts';
import { createConnectionDraining } from './limits/connection-draining.ts';
import { createConnections } from './limits/connections.ts';
import { createReplicaRouter } from './limits/read-your-writes.ts';
import { createRequestLimits } from './limits/request-limits.ts';
import { createStreamLimits } from './limits/stream-limits.ts';
import { createAccountStatus } from './login/account-status.ts';
import { createKeyReader } from './login/api-keys.ts';
import type { Identities } from './login/identities.ts';
import { createLogin } from './login/login.ts';
import { createTokenReader } from './login/token.ts';
import { createMcpEndpoint } from './mcp/endpoint.ts';
import { openAiRoutes } from './openai/routes.ts';
import { openReplica, openRequests, type PoolOptions } from './pools.ts';
import { createWebSocketEndpoint } from './ws/endpoint.ts';

/**
 * Time limits of a login query. A slow login query delays all login queries behind it. The database
 * server cancels the query first. If it does not, the connection is closed.
 */
const LOGIN_TIMES = { settings: { statement_timeout: '8000' }, answerWithinMs: 10_000 };

export type ApiOptions = PoolOptions & {
  log: Logger;
  /** The keys that encrypt secrets. Without them, this API cannot store secrets. */
  masterKeys?: MasterKeys;
  /** Limits that differ from the defaults. */
  bounds?: Partial<ServerLimits>;
  /** The metrics that count requests and are served at /metrics. */
  metrics?: ApiMetrics | undefined;
  metricsToken?: string | undefined;
} & Pick<
    Config,
    | 'host'
    | 'port'
    | 'auth'
    | 'jwtSecret'
    | 'jwksUrl'
    | 'corsOrigins'
    | 'graphqlIntrospection'
    | 'graphqlOperations'
  > &
  Partial<Pick<Config, 'publicUrl' | 'tenantStreams' | 'userStreams'>>;

export type Api = {
  /** The URL, without a slash at its end. */
  url: string;
  port: number;
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

/**
 * Starts the API on one port: GraphQL, GraphiQL, REST, the endpoints for OpenAI clients, and health
 * checks. Resolves when the server listens.
 *
 * Throws `HWDEN` when a login is required and no caller could have one; `HWCNF` when the database
 * is not migrated; `EADDRINUSE` when the port is in use; and the error of node-pg when the database
 * cannot be reached.
 */
export async function startApi(options: ApiOptions): Promise<Api> {
  const { url, host, log } = options;
  const bounds = boundsOf(options);
  const closers: (() => Promise<unknown>)[] = [];
  const departure = createConnectionDraining();
  const readiness = createReadiness((err) => log.warn({ err }, 'not ready'));
  const drain = () => {
    readiness.drain();
    departure.begin();
  };
  const close = async () => {
    readiness.drain();
    departure.close();
    await runAll(closers.splice(0).reverse());
  };
  try {
    const pool = createPool({
      ...{ url, applicationName: 'howdah-login', max: MOST_CONNECTIONS.api.login },
      ...LOGIN_TIMES,
    });
    closers.push(() => pool.end());
    const requests = openRequests(options, bounds.connections);
    closers.push(() => requests.end());
    if (options.poolerUrl !== undefined) await refuseOtherServer(pool, requests);
    const entrance = await createEntrance(options, pool);
    await refuseKeyless(options, pool);
    const admission = createAdmission(bounds);
    const connections = createConnections(requests);
    const limits = createStreamLimits(bounds);
    const warn = (err: unknown) => log.warn({ err }, 'the live feed lost its connection');
    const hub = await createFeedHub({ url, onError: warn });
    closers.push(() => hub.close());
    const replica = openReplica(options, pool, bounds.connections);
    if (replica) closers.push(() => replica.close());
    watchReadiness(readiness, { pool, hub, admission, replica });
    const reads =
      replica && createReplicaRouter({ replica, primary: pool, metrics: options.metrics });
    const visibilityGuard = createVisibilityGuard(pool, reads?.saw);
    closers.push(async () => visibilityGuard.close());
    const onError = (err: unknown, id: string) => log.error({ err, id }, 'a request failed');
    const secrets = createSecretWriter(secretRowsOn(pool), options.masterKeys ?? noMasterKeys);
    const graphql = await createGraphqlServer({
      ...entrance,
      secrets,
      reads,
      pool: requests,
      hub,
      sight: visibilityGuard,
      admission,
      connections,
      limits,
      bounds,
      introspection: options.graphqlIntrospection,
      operations: options.graphqlOperations,
      onError,
    });
    closers.push(() => graphql.close());
    await warnOfHiddenTypes(requests, log);
    const shared = {
      ...entrance,
      reads,
      hub,
      sight: visibilityGuard,
      admission,
      connections,
      limits,
      onError,
    };
    const mcp = createMcpEndpoint({ ...shared, pool: requests });
    const rest = { ...shared, pool, secrets };
    const ws = createWebSocketEndpoint({ ...rest, bounds });
    const { app, streams } = createApp({
      ...options,
      ...bounds,
      metrics: watched(options, { login: pool, requests }),
      ...{ mcp, ws, graphql, readiness, rest, departure },
    });
    const endpoints = [openAiRoutes, a2aRoutes, agUiRoutes].map((open) =>
      open(app, { ...rest, auth: options.auth, host, publicUrl: options.publicUrl }),
    );
    closers.push(() =>
      closeApp(app, {
        async endStreams() {
          streams.close();
          await Promise.all([ws.close(), mcp.close(), graphql.closeSockets()]);
        },
        endAnswers() {
          for (const endpoint of endpoints) endpoint.close();
        },
      }),
    );
    const port = await listen(app, options);
    return { url: `http://${inBrackets(host)}:${port}`, port, drain, close };
  } catch (error) {
    await close().catch((err) => log.warn({ err }, 'resources of the API could not be closed'));
    throw error;
  }
}

/**
 * Logs a warning for each type that GraphQL leaves out. A failure is only logged, so that it does
 * not keep the API from starting.
 */
async function warnOfHiddenTypes(pool: Pool, log: Logger): Promise<void> {
  try {
    for (const hidden of await findHiddenTypes(pool)) log.warn(describeHiddenType(hidden));
  } catch (err) {
    log.warn({ err }, 'the types that GraphQL omits could not be determined');
  }
}

function boundsOf({ tenantStreams, userStreams, bounds }: ApiOptions): ServerLimits {
  return {
    ...defaultServerLimits,
    ...(tenantStreams !== undefined && { tenantStreams }),
    ...(userStreams !== undefined && { userStreams }),
    ...bounds,
  };
}

/**
 * Adds the pools to the metrics and returns the endpoint that serves the metrics, if there are any.
 */
function watched(
  { metrics, metricsToken, auth }: ApiOptions,
  pools: Readonly<Record<string, Pool>>,
): MetricsEndpoint | undefined {
  if (!metrics) return undefined;
  for (const [name, pool] of Object.entries(pools)) metrics.watchPool(name, () => pool);
  return createMetricsEndpoint({ metrics, auth, metricsToken });
}

async function refuseKeyless({ auth, host, jwtSecret, jwksUrl }: ApiOptions, pool: Pool) {
  if (auth === 'none' || jwtSecret !== undefined || jwksUrl !== undefined) return;
  if (await hasApiKeys(pool)) return;
  throw new HowdahError(
    'HWDEN',
    `a login is required (HOST is ${host}), but no key for tokens is set and no API key exists`,
    {
      hint: 'Set HOWDAH_JWT_SECRET to the output of: openssl rand -base64 48 (or HOWDAH_JWKS_URL); or create an API key: npx howdah key create NAME --tenant default; or set HOST to a loopback address (127.0.0.1) and unset HOWDAH_AUTH.',
    },
  );
}

/**
 * Creates the login, which determines the identity of a request, and the map that stores
 * identities.
 */
async function createEntrance(options: ApiOptions, pool: Pool) {
  const { auth, log } = options;
  const onTrouble = (err: unknown) => log.error({ err }, 'a token or key could not be checked');
  const defaultTenantId = await findDefaultTenant(pool, auth);
  const exists = createAccountStatus(pool);
  const readToken = createTokenReader(options, onTrouble);
  const readKey = createKeyReader(pool, onTrouble);
  const login = createLogin({ auth, readToken, readKey, exists, defaultTenantId, onTrouble });
  const identities: Identities = new WeakMap();
  return { login, exists, identities, countRequest: createRequestLimits(pool) };
}

/** Returns the tenant of requests without a token, or undefined if a login is required. */
async function findDefaultTenant(pool: Pool, auth: Config['auth']): Promise<string | undefined> {
  if (await isMigrated(pool)) {
    if (auth === 'required') return undefined;
    const { rows } = await pool.query(
      `select t.id from howdah.tenants as t where t.slug = 'default'`,
    );
    if (rows[0]) return rows[0].id;
  }
  throw new HowdahError('HWCNF', 'the database is not migrated', {
    hint: 'Run: npx howdah migrate up',
  });
}

async function listen(app: FastifyInstance, { host, port }: ApiOptions): Promise<number> {
  try {
    await app.listen({ host, port });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    throw new HowdahError('EADDRINUSE', `port ${port} of ${host} is in use`, {
      hint: `Set another port: PORT=${port + 1}, or PORT=0 for any free port.`,
      detail: { host, port },
      cause: error,
    });
  }
  return (app.server.address() as AddressInfo).port;
}
