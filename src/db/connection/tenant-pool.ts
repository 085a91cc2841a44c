import { FairQueue } from '../../concurrency/fair-queue.ts';
import type { Pool, PoolClient } from './pool.ts';

/** The uses of connections in the pools for work of tenants. */
export type PoolUse = 'tools' | 'hooks' | 'filters';

/** The tenant that takes a connection, and a signal that ends its wait. */
export type PoolUser = { tenant: string; signal?: AbortSignal | undefined };

/**
 * The share of a pool's connections for each use. A call of a tool holds a connection while it
 * waits for the commit of the previous call. That commit may need a connection for its hooks, so
 * some connections are reserved for hooks. Output filters have a pool of their own.
 */
const PARTS: Readonly<Record<PoolUse, number>> = { tools: 0.7, hooks: 0.3, filters: 1 };

const queues = new WeakMap<Pool, Record<PoolUse, FairQueue>>();
/** The pool behind each view. */
const pools = new WeakMap<Pool, Pool>();

/** Returns the pool behind the view of a tenant, or the pool itself. */
export function wholePool(pool: Pool): Pool {
  return pools.get(pool) ?? pool;
}

/** Divides the pool's connections among tenants; `tenantPool` gives each its view of the pool. */
export function divideAmongTenants(pool: Pool, connections: number): void {
  const queueOf = (use: PoolUse): FairQueue => {
    const places = Math.max(1, Math.floor(connections * PARTS[use]));
    return new FairQueue({
      places,
      max_while_others_wait: Math.max(1, Math.floor(places / 2)),
      reserved_for_new_keys: places > 1 ? 1 : 0,
    });
  };
  queues.set(pool, {
    tools: queueOf('tools'),
    hooks: queueOf('hooks'),
    filters: queueOf('filters'),
  });
}

/**
 * Returns the pool as one tenant may use it: `connect` waits for the tenant's turn. A tenant may
 * take all connections of a use but one, and half of them while others wait. An undivided pool is
 * returned as it is.
 */
export function tenantPool(pool: Pool, use: PoolUse, { tenant, signal }: PoolUser): Pool {
  const queue = queues.get(pool)?.[use];
  if (!queue) return pool;
  const connect = async (): Promise<PoolClient> => {
    const leave = await queue.acquire(tenant, signal);
    try {
      const client = await pool.connect();
      const release = client.release;
      client.release = (error) => {
        leave();
        release(error);
      };
      return client;
    } catch (error) {
      leave();
      throw error;
    }
  };
  const query = (...query: Parameters<Pool['query']>) =>
    queue.run(tenant, signal, async () => pool.query(...query));
  const view = Object.create(pool, {
    connect: { value: connect },
    query: { value: query },
  }) as Pool;
  pools.set(view, pool);
  return view;
}
