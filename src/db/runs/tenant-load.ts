import type { Pool } from '../connection/pool.ts';

/**
 * The load of a tenant: its running runs on all workers, the weight of its share, and whether
 * another run is due.
 */
export type TenantLoad = {
  tenant_id: string;
  at_work: number;
  weight: number;
  due: boolean;
  other_workers: number;
};

/**
 * Returns the load of these tenants and of some tenants that have due runs, in turn after `after`.
 */
export async function tenantLoad(
  pool: Pool,
  tenants: readonly string[],
  after: string | null,
): Promise<TenantLoad[]> {
  const { rows } = await pool.query('select * from howdah_private.shares($1, $2)', [
    after,
    tenants,
  ]);
  return rows;
}
