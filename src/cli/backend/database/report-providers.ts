import type { Config } from '../../../config.ts';
import type { Pool } from '../../../db/connection/pool.ts';
import { faultOf } from '../../../db/connection/sqlstate.ts';
import { replaceProviderReports } from '../../../db/worker/provider-reports.ts';
import { reportProviders } from '../../../providers/report.ts';

/** The SQLSTATE `read_only_sql_transaction`: a standby, or a login that only reads. */
const READ_ONLY = '25006';

/**
 * Reports which model providers this host can use, before a command writes models: the database
 * refuses models that no host can use. A read-only database takes neither reports nor models, and
 * the command itself fails there.
 */
export async function reportProvidersOfHost(
  { pool, isOwner }: { pool: Pool; isOwner: boolean },
  config: Config,
): Promise<void> {
  if (!isOwner) return;
  try {
    await replaceProviderReports(pool, 'cli', reportProviders(config));
  } catch (error) {
    if (faultOf(error).code !== READ_ONLY) throw error;
  }
}
