import { QUERY_DEFAULTS, type QuerySettings } from '../../contracts/bounded-read.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Pool } from '../connection/pool.ts';
import { faultOf, isConnectionLoss } from '../connection/sqlstate.ts';

/**
 * Reads the current settings that an admin gave the tenant's tool `sql_query`, with defaults for
 * the rest.
 */
export async function querySettings(pool: Pool, tenantId: string): Promise<Outcome<QuerySettings>> {
  try {
    const { rows } = await pool.query<{ settings: Partial<QuerySettings> | null }>(
      'select howdah_private.query_settings($1) as settings',
      [tenantId],
    );
    return { ok: true, value: { ...QUERY_DEFAULTS, ...rows[0]?.settings } };
  } catch (error) {
    if (!isConnectionLoss(error)) throw error;
    const { message } = faultOf(error);
    return { ok: false, error: { code: 'overloaded', message, retryable: true } };
  }
}
