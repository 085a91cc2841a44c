import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import {
  type Checkpoint,
  type CheckpointKey,
  checkpointLine,
  isGenuine,
  readCheckpoints,
  sealed,
} from '../../src/contracts/audit-checkpoint.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import {
  databaseIdentity,
  dueCheckpoints,
  keepCheckpoints,
  restoreCheckpoints,
} from '../../src/db/operations/audit-checkpoints.ts';

/** Where checkpoints go besides the database, and what they are signed with. */
export type AuditAnchor = {
  /** Without one they are logged and kept in the database alone. */
  file?: string | undefined;
  /** The one in use first; asked each time, since it may be made while this process runs. */
  keys?: () => Promise<readonly CheckpointKey[]>;
};

/**
 * Says how far each audit log is, in places that whoever can rewrite the database does not reach: a file and the log of
 * this process. They come before the database, so that a crash in between makes a line twice and never none; what it left
 * out in the database, the next process puts there when it begins.
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
    const checkpoints = (await dueCheckpoints(pool)).map((end) => sealed(end, known[0]));
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
      log.info(checkpoint, 'audit checkpoint');
    }
    await keepCheckpoints(pool, checkpoints);
    isRestored = true;
  };
}

/** The last checkpoint of each tenant in the file, of those with a signature of ours that are of no other database. */
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
