import { Logger, runMigrations } from 'graphile-worker';

/**
 * Brings Graphile Worker's schema up to date, as the role that owns it. The role travels in the connection's
 * options, so that it holds from the first statement on.
 */
export async function migrateQueue(url: string): Promise<void> {
  await runMigrations({ connectionString: asWorkerRole(url), logger: quiet });
}

/** The URL with `role=howdah_worker` in its startup options, for clients that take nothing but a URL. */
export function asWorkerRole(url: string): string {
  const parsed = new URL(url);
  parsed.searchParams.set('options', '-c role=howdah_worker');
  parsed.searchParams.set('application_name', 'howdah-worker');
  return parsed.toString();
}

const quiet = new Logger(() => () => {});
