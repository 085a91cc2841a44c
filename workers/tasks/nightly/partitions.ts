import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { isTimeout } from '../../../src/db/connection/sqlstate.ts';
import { ensurePartitions } from '../../../src/db/worker/maintenance.ts';

const AGAIN_MS = 60_000;

/**
 * Creates the task that creates the partitions of the coming months, which is no work on most days.
 * When another session locks a table for long, the task does not queue behind that session and
 * block others. It tries again in a minute.
 */
export function partitionsTask(pool: Pool, log: Logger): Task {
  return async (_payload, { addJob }) => {
    try {
      await ensurePartitions(pool);
    } catch (err) {
      if (!isTimeout(err)) throw err;
      log.warn(
        { err },
        'the partitions will be created in a minute: another session holds a lock on a table',
      );
      await addJob(
        'partitions',
        {},
        { jobKey: 'partitions', runAt: new Date(Date.now() + AGAIN_MS) },
      );
    }
  };
}
