import { Logger, runMigrations } from 'graphile-worker';

/**
 * Brings Graphile Worker's schema up to date, as the role that owns it. The role is part of the
 * connection's options, so that it applies from the first statement on.
 */
export async function migrateQueue(url: string): Promise<void> {
  await runMigrations({ connectionString: asWorkerRole(url), logger: quiet });
}

/**
 * Returns the URL with `role=howdah_worker` in its startup options, for clients that only accept a
 * URL.
 */
export function asWorkerRole(url: string): string {
  const parsed = new URL(url);
  parsed.searchParams.set('options', '-c role=howdah_worker');
  parsed.searchParams.set('application_name', 'howdah-worker');
  return parsed.toString();
}

const quiet = new Logger(() => () => {});
