import { hostname } from 'node:os';
import type { ProviderReport } from '../../contracts/agents/provider-report.ts';
import type { Queryable } from '../connection/pool.ts';

/**
 * Replaces what the database knows of the providers of this host. Workers, servers and commands
 * report apart, since their environments may differ: a command without a key does not take back
 * what a worker reported.
 */
export async function replaceProviderReports(
  db: Queryable,
  reporter: 'worker' | 'api' | 'cli',
  reports: readonly ProviderReport[],
): Promise<void> {
  const host = reporter === 'worker' ? hostname() : `${hostname()}/${reporter}`;
  await db.query('select howdah_private.report_providers($1, $2)', [host, JSON.stringify(reports)]);
}
