import type { Logger } from 'pino';
import { createBatchLoader } from '../concurrency/batch-loader.ts';
import type { Config } from '../config.ts';
import type { TryUnsavedModel } from '../contracts/agents/model-test.ts';
import type { ReadSecret } from '../contracts/secret.ts';
import {
  type AccountFlows,
  accountFlowsOn,
  accountRowsOn,
} from '../db/access/connected-accounts.ts';
import { secretRowsOn } from '../db/access/secrets.ts';
import { visibleTo, type Watching } from '../db/access/subjects.ts';
import type { DecryptRunRows } from '../db/connection/decrypt-results.ts';
import { createRunRowDecryptor } from '../db/connection/decrypt-run-rows.ts';
import type { Pool } from '../db/connection/pool.ts';
import { refuseOtherServer } from '../db/connection/same-server.ts';
import { createListFeed, type ListFeed } from '../db/lists/list-feed.ts';
import { createContentDecryptor } from '../secrets/contents.ts';
import { type MasterKeys, noMasterKeys } from '../secrets/master-keys.ts';
import { createDocumentSealer } from '../secrets/oauth-documents.ts';
import { createSecretReader } from '../secrets/reader.ts';
import { createSecretWriter, type SecretWriter } from '../secrets/writer.ts';
import type { ApiMetrics } from '../telemetry/metrics.ts';
import type { Readiness } from '../telemetry/readiness.ts';
import { createEgress, type Egress } from '../tools/egress.ts';
import { type Authorizations, createAuthorizations } from '../tools/oauth/lazy-authorizations.ts';
import {
  type Authentication,
  type AuthenticationOptions,
  createAuthentication,
} from './authentication.ts';
import type { ErrorLog } from './errors/answer-error.ts';
import { isTemporary } from './events/log-events.ts';
import { transactionOfTenant } from './events/stream-sources.ts';
import { createFeedHub, type FeedHub } from './feed/feed-hub.ts';
import {
  createVisibilityGuard,
  type VisibilityGuard,
} from './graphql/subscriptions/visibility-guard.ts';
import { watchReadiness } from './health/readiness.ts';
import { createRequestQueue, type RequestQueue } from './http/request-queue.ts';
import { defaultServerLimits, type ServerLimits } from './http/server-limits.ts';
import { type CallerQueries, createCallerQueries } from './limits/caller-queries.ts';
import { type CallerTurns, createCallerTurns } from './limits/caller-turns.ts';
import { type Connections, createConnections } from './limits/connections.ts';
import { createStreamLimits, type StreamLimits } from './limits/stream-limits.ts';
import { openLogin, openReplica, openRequests, type PoolOptions } from './pools.ts';
import { ReplicaRouter } from './replica/read-your-writes.ts';

const LIST_REST_MS = 20_000;

export type ServicesOptions = PoolOptions &
  AuthenticationOptions &
  Partial<Pick<Config, 'tenantStreams' | 'userStreams'>> & {
    log: Logger;
    /** The keys that encrypt secrets. Without them, this API cannot store secrets. */
    masterKeys?: MasterKeys;
    /**
     * The guard of requests to authorization servers. Without one, only public addresses are
     * reached.
     */
    egress?: Egress;
    /** Tests models that are not stored. Without it, this API tests stored models only. */
    tryUnsavedModel?: TryUnsavedModel;
    /** Limits that differ from the defaults. */
    bounds?: Partial<ServerLimits>;
    /** The time between two reads of the lists that somebody follows, in milliseconds. */
    listPollMs?: number;
    /** The longest such time while no run of the tenant is at work or due; 20 s by default. */
    listRestMs?: number;
    /** The metrics that count requests and are served at /metrics. */
    metrics?: ApiMetrics | undefined;
  };

/** The parts of a server that its endpoints share. */
export type Services = Authentication & {
  /** The pool for logins, and for statements that serve many requests at once. */
  pool: Pool;
  /** The pool for the transactions of requests. */
  requests: Pool;
  /** The connections of `requests`, shared fairly among tenants. */
  connections: Connections;
  callerQueries: CallerQueries;
  /** Decrypts contents of runs that were read for several callers. */
  decryptRows: DecryptRunRows;
  /** Present if there is a replica. */
  reads: ReplicaRouter | undefined;
  hub: FeedHub;
  visibilityGuard: VisibilityGuard;
  /** The feed of lists. */
  lists: ListFeed;
  requestQueue: RequestQueue;
  /** The turns of messages on sockets, and of rows on streams. */
  turns: CallerTurns;
  limits: StreamLimits;
  bounds: ServerLimits;
  secrets: SecretWriter;
  /** Reads secrets for the engine, such as those that verify requests. */
  readSecret: ReadSecret;
  accounts: AccountServices;
  tryUnsavedModel: TryUnsavedModel | undefined;
  onError: ErrorLog;
};

/** The authorizations by which people connect accounts. */
export type AccountServices = { flows: AccountFlows; authorizations: Authorizations };

/** Closes a part of the server. */
export type Closer = () => Promise<unknown>;

/**
 * Opens the services. Each adds its closer to `closers`, also when a later one fails. Throws as
 * `startApi` does.
 */
export async function openServices(
  options: ServicesOptions,
  readiness: Readiness,
  closers: Closer[],
): Promise<Services> {
  const { url, log, metrics } = options;
  const bounds = boundsOf(options);
  const pool = openLogin(url);
  closers.push(() => pool.end());
  const requests = openRequests(options, bounds.connections);
  closers.push(() => requests.end());
  if (options.poolerUrl !== undefined) await refuseOtherServer(pool, requests);
  const authentication = await createAuthentication(options, pool);
  const requestQueue = createRequestQueue(bounds);
  const warn = (err: unknown) => log.warn({ err }, 'the live feed lost its connection');
  const decrypt = createContentDecryptor(secretRowsOn(pool), options.masterKeys ?? noMasterKeys);
  const decryptRows = createRunRowDecryptor(pool, decrypt);
  const hub = await createFeedHub({ url, decryptRows, onError: warn });
  closers.push(() => hub.close());
  const replica = openReplica(options, pool, bounds.connections);
  if (replica) closers.push(() => replica.close());
  watchReadiness(readiness, { pool, hub, requestQueue, replica });
  const reads = replica && new ReplicaRouter({ replica, primary: pool, metrics, decrypt });
  const visibilityGuard = createVisibilityGuard(pool, (reader) => reads?.requireLatest(reader));
  closers.push(async () => visibilityGuard.close());
  const connections = createConnections(requests, decrypt);
  const lists = createListFeed({
    transaction: transactionOfTenant({ connections, requestQueue }),
    sees: createBatchLoader((watching: Watching[]) => visibleTo(pool, watching)),
    decryptRows,
    onShown: (reader) => reads?.requireLatest(reader),
    isTemporary,
    pollMs: options.listPollMs,
    restMs: options.listRestMs ?? LIST_REST_MS,
  });
  return {
    ...authentication,
    ...{ pool, requests, reads, hub, visibilityGuard, lists, requestQueue, bounds, connections },
    callerQueries: createCallerQueries(requests, { connections, requestQueue }),
    ...{ decryptRows, tryUnsavedModel: options.tryUnsavedModel },
    turns: createCallerTurns(bounds),
    limits: createStreamLimits(bounds),
    secrets: createSecretWriter(secretRowsOn(pool), options.masterKeys ?? noMasterKeys),
    readSecret: createSecretReader(secretRowsOn(pool), options.masterKeys ?? noMasterKeys),
    accounts: openAccounts(pool, options),
    onError: (err, id) => log.error({ err, id }, 'a request failed'),
  };
}

/** Opens what the pages need by which people connect accounts. */
function openAccounts(pool: Pool, { masterKeys, egress }: ServicesOptions): AccountServices {
  const [secrets, keys] = [secretRowsOn(pool), masterKeys ?? noMasterKeys];
  const flows = accountFlowsOn(pool);
  const authorizations = createAuthorizations({
    ...{ flows, rows: accountRowsOn(pool) },
    sealer: createDocumentSealer(secrets, keys),
    readSecret: createSecretReader(secrets, keys),
    egress: egress ?? createEgress({ allowPrivate: [] }),
  });
  return { flows, authorizations };
}

function boundsOf({ tenantStreams, userStreams, bounds }: ServicesOptions): ServerLimits {
  return {
    ...defaultServerLimits,
    ...(tenantStreams !== undefined && { tenantStreams }),
    ...(userStreams !== undefined && { userStreams }),
    ...bounds,
  };
}
