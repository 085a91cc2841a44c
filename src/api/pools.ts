import type { Logger } from 'pino';
import { createPool, type Pool } from '../db/connection/pool.ts';
import { type Replica, watchReplica } from '../db/connection/replica.ts';
import type { ApiMetrics } from '../telemetry/metrics.ts';

/**
 * Settings of the planner. Compiling would take longer than the queries of requests do. Pages are
 * read in the order of an index also where a month has no statistics yet: at the usual cost of
 * random reads, the planner would read and sort all of its runs.
 */
const settings = { jit_optimize_above_cost: '-1', random_page_cost: '1.1' };

export type PoolOptions = {
  /** An owner's URL, for what needs sessions. */
  url: string;
  /**
   * The same database behind a pooler that gives a connection for each transaction: those of requests are asked for there. A
   * look-up within one goes to `url`, or requests that hold all of the pooler's connections would wait for one another.
   */
  poolerUrl?: string | undefined;
  /** A hot standby of it, for what is only read. */
  replicaUrl?: string | undefined;
};

/** Connections that transactions of requests share. */
export function openRequests({ url, poolerUrl }: PoolOptions, connections: number): Pool {
  return createPool({
    url: poolerUrl ?? url,
    isPooled: poolerUrl !== undefined,
    applicationName: 'howdah-api',
    role: 'howdah_authenticator', // what forgets to become somebody sees nothing
    settings,
    max: connections,
  });
}

/** The replica, where there is one; it may be away. */
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
