import { hostname } from 'node:os';
import type { ProviderReport } from '../../contracts/agents/provider-report.ts';
import type { HostPattern } from '../../network/host-pattern.ts';
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
  const values = [hostOf(reporter), JSON.stringify(reports)];
  await db.query('select howdah_private.report_providers($1, $2)', values);
}

/** Replaces the private addresses that every tenant may name, because this host may reach them. */
export async function replaceEgressReport(
  db: Queryable,
  reporter: 'worker' | 'api',
  addresses: readonly HostPattern[],
): Promise<void> {
  const values = [hostOf(reporter), JSON.stringify(addresses)];
  await db.query('select howdah_private.report_egress($1, $2)', values);
}

/** The time between two reports. The database counts a report of private addresses for a day. */
const REPORT_MS = 3_600_000;

/** Repeats a report every hour, until the returned function is called. */
export function repeatReport(
  report: () => Promise<void>,
  onError: (error: unknown) => void,
): () => void {
  const timer = setInterval(() => void report().catch(onError), REPORT_MS).unref();
  return () => clearInterval(timer);
}

const hostOf = (reporter: 'worker' | 'api' | 'cli') =>
  reporter === 'worker' ? hostname() : `${hostname()}/${reporter}`;
