import { isAnyWorkerAlive } from '../../../db/queries/queries.ts';
import type { CliIo } from '../../output/output.ts';
import type { CliDatabase } from '../with-database.ts';
import { reportProvidersOfHost } from './report-providers.ts';

/**
 * Runs `work` with a worker in this process if no worker is alive, so that a single command is
 * enough to get an answer. Otherwise the live workers do the runs. A guest of the database cannot
 * be a worker.
 */
export async function withInlineWorker<T>(
  io: CliIo,
  { url, config, pool, db, isOwner }: CliDatabase,
  work: () => Promise<T>,
): Promise<T> {
  if (await isAnyWorkerAlive(db)) {
    return work();
  }
  if (!isOwner) {
    io.err(
      'No worker is running. This command waits until an owner of the database starts one: howdah worker',
    );
    return work();
  }
  const { updateModels, loadAndOpenWorker, openTelemetry } = await import('../../../bootstrap.ts');
  await reportProvidersOfHost({ pool, isOwner }, config);
  await updateModels(url, config, false, io.err);
  io.err(
    'No worker is running, so this command acts as a worker. To start a permanent worker: howdah worker',
  );
  const telemetry = await openTelemetry(url, { ...config, logLevel: 'error' });
  const worker = await loadAndOpenWorker(url, config, telemetry);
  try {
    return await work();
  } finally {
    await worker.stop(0);
    await telemetry.close();
  }
}
