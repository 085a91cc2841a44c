import type { Logger } from 'pino';
import { MAX_CONNECTIONS } from '../db/connection/connection-limits.ts';
import { createPool, type Pool } from '../db/connection/pool.ts';
import { type Replica, watchReplica } from '../db/connection/replica.ts';
import type { ApiMetrics } from '../telemetry/metrics.ts';
import { nameStatements } from './graphql/name-statements.ts';

/**
 * Planner settings for the queries of requests. JIT is off, because compiling would take longer
 * than these queries do. Random reads are cheap, so that a page is read in index order even where a
 * month has no statistics yet. At the default cost, the planner would read and sort all runs of
 * that month.
 */
const settings = { jit_optimize_above_cost: '-1', random_page_cost: '1.1' };

export type PoolOptions = {
  /** The URL of an owner, for work that needs sessions. */
  url: string;
  /**
   * The URL of the same database behind a pooler that assigns a connection to each transaction.
   * Transactions of requests use this URL. A look-up within such a transaction goes to `url`.
   * Otherwise, requests that hold all connections of the pooler would wait for one another.
   */
  poolerUrl?: string | undefined;
  /** The URL of a hot standby of the database, for reads only. */
  replicaUrl?: string | undefined;
};

/**
 * Time limits of a login query. A slow login query delays all login queries behind it. The database
 * server cancels the query first. If it does not, the connection is closed.
 */
const LOGIN_TIMES = { settings: { statement_timeout: '8000' }, answerWithinMs: 10_000 };

/** Opens the connections for logins. */
export function openLogin(url: string): Pool {
  const max = MAX_CONNECTIONS.api.login;
  return createPool({ url, applicationName: 'howdah-login', max, ...LOGIN_TIMES });
}

/** Opens the connections that transactions of requests share. */
export function openRequests({ url, poolerUrl }: PoolOptions, connections: number): Pool {
  const pool = createPool({
    url: poolerUrl ?? url,
    isPooled: poolerUrl !== undefined,
    applicationName: 'howdah-api',
    role: 'howdah_authenticator', // a statement without a caller sees nothing
    settings,
    max: connections,
  });
  if (poolerUrl === undefined) pool.on('connect', nameStatements);
  return pool;
}

/** Opens the replica if there is one. The replica may be unavailable. */
export function openReplica(
  { replicaUrl, log, metrics }: PoolOptions & { log: Logger; metrics?: ApiMetrics | undefined },
  primary: Pool,
  connections: number,
): Replica | undefined {
  if (replicaUrl === undefined) return undefined;
  const replica = watchReplica({
    ...{ url: replicaUrl, primary, connections, settings },
    onChange(trouble) {
      if (trouble === undefined) log.info('the replica is read from');
      else log.warn({ trouble }, 'the replica is not read from');
    },
  });
  metrics?.watchPool('replica', () => replica.pool);
  metrics?.watchReplica(replica);
  return replica;
}
