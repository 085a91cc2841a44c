import { createFairSemaphore, type FairSemaphore } from '../contracts/fair-semaphore.ts';
import type { Pool } from './pool.ts';

/** What connections of the pool for SQL of tenants are used for. */
export type PoolUse = 'tools' | 'hooks';

/**
 * How the connections of a pool are divided. One tenant has at most half of them, and free ones go to the tenants in turns.
 * Calls of tools hold a connection while they wait for the commit before theirs, which may need one for its hooks: so hooks
 * always have some of their own.
 */
const SHARES = {
  tools: { places: 0.7, share: 0.3 },
  hooks: { places: 0.3, share: 0.2 },
} as const;

const semaphores = new WeakMap<Pool, Record<PoolUse, FairSemaphore>>();

/** From now on `tenantPool` divides the pool's connections among tenants. */
export function divideAmongTenants(pool: Pool, connections: number): void {
  const semaphoreFor = ({ places, share }: { places: number; share: number }) =>
    createFairSemaphore({
      places: Math.max(1, Math.floor(connections * places)),
      share: Math.max(1, Math.floor(connections * share)),
    });
  semaphores.set(pool, {
    tools: semaphoreFor(SHARES.tools),
    hooks: semaphoreFor(SHARES.hooks),
  });
}

/** The pool as one tenant may use it: `connect` waits for the tenant's turn. The pool itself where it is not divided. */
export function tenantPool(pool: Pool, use: PoolUse, tenant: string): Pool {
  const semaphore = semaphores.get(pool)?.[use];
  if (!semaphore) return pool;
  const connect = async () => {
    const leave = await semaphore.acquire(tenant);
    try {
      const client = await pool.connect();
      const release = client.release.bind(client);
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
  const query = async (...asked: Parameters<Pool['query']>) => {
    const leave = await semaphore.acquire(tenant);
    return Promise.resolve(pool.query(...asked)).finally(leave);
  };
  return Object.create(pool, { connect: { value: connect }, query: { value: query } }) as Pool;
}
