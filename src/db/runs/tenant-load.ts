import type { Pool } from '../connection/pool.ts';

/** How many runs of a tenant are at work, over all workers, what its share weighs, and whether one more is due. */
export type TenantLoad = {
  tenant_id: string;
  at_work: number;
  weight: number;
  due: boolean;
  other_workers: number;
};

/** The shares of these tenants and of some that have due runs, in turn after `after`. */
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
