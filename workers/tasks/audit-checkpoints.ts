import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import {
  databaseIdentity,
  dueCheckpoints,
  keepCheckpoints,
  restoreCheckpoints,
} from '../../src/db/operations/audit-checkpoints.ts';
import {
  type Checkpoint,
  type CheckpointKey,
  checkpointLine,
  createCheckpoint,
  isGenuine,
  readCheckpoints,
} from '../../src/db/operations/signed-checkpoints.ts';

/** The destination of checkpoints besides the database, and the keys that sign them. */
export type AuditAnchor = {
  /** The file of checkpoints. Without a file, they are only logged and stored in the database. */
  file?: string | undefined;
  /**
   * Returns the keys, the current one first. Called each time, because a key may be created while
   * this process runs.
   */
  keys?: () => Promise<readonly CheckpointKey[]>;
};

/**
 * Creates the task that records how far each audit log is, in places that somebody who can rewrite
 * the database does not reach: a file and the log of this process. These are written before the
 * database, so that a crash in between repeats a line and never omits one. Checkpoints missing in
 * the database are then restored by the next process when it begins.
 */
export function auditCheckpointsTask(pool: Pool, { file, keys }: AuditAnchor, log: Logger): Task {
  let isRestored = file === undefined;
  return async () => {
    const known = (await keys?.()) ?? [];
    if (!isRestored && file !== undefined) {
      const database = await databaseIdentity(pool);
      await restoreCheckpoints(pool, await lastOf(file, known, database));
      isRestored = true;
    }
    const checkpoints = (await dueCheckpoints(pool)).map((end) => createCheckpoint(end, known[0]));
    if (checkpoints.length === 0) {
      return;
    }
    if (file !== undefined) {
      isRestored = false; // until the database has them too
      await mkdir(dirname(file), { recursive: true });
      const now = new Date();
      const database = await databaseIdentity(pool);
      const lines = checkpoints.map((one) => checkpointLine({ ...one, database }, now));
      await appendFile(file, lines.join(''));
    }
    for (const checkpoint of checkpoints) {
      log.debug(checkpoint, 'audit checkpoint');
    }
    await keepCheckpoints(pool, checkpoints);
    isRestored = true;
  };
}

/**
 * Returns the last checkpoint of each tenant in the file. Only checkpoints with a signature of ours
 * that belong to no other database count.
 */
async function lastOf(
  file: string,
  keys: readonly CheckpointKey[],
  database: string | undefined,
): Promise<Checkpoint[]> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const genuine = readCheckpoints(text).checkpoints.filter(
    (one) => isGenuine(one, keys) && (one.database ?? database) === database,
  );
  return [...new Map(genuine.map((one) => [one.tenant_id, one])).values()];
}
