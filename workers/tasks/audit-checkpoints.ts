import { appendFile, mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import {
  type CheckpointKey,
  checkpointLine,
  sealed,
} from '../../src/contracts/audit-checkpoint.ts';
import { dueCheckpoints, keepCheckpoints } from '../../src/db/audit.ts';
import type { Pool } from '../../src/db/pool.ts';

/** Where checkpoints go besides the database, and what they are signed with. */
export type AuditAnchor = {
  /** Without one they are logged and kept in the database alone. */
  file?: string | undefined;
  /** The one in use first; asked each time, since it may be made while this process runs. */
  keys?: () => Promise<readonly CheckpointKey[]>;
};

/**
 * Says how far each audit log is, in places that whoever can rewrite the database does not reach: a file and the log of
 * this process. They come before the database, so that a crash in between makes a line twice and never none.
 */
export function auditCheckpointsTask(pool: Pool, { file, keys }: AuditAnchor, log: Logger): Task {
  return async () => {
    const [key] = (await keys?.()) ?? [];
    const checkpoints = (await dueCheckpoints(pool)).map((end) => sealed(end, key));
    if (checkpoints.length === 0) {
      return;
    }
    if (file !== undefined) {
      await mkdir(dirname(file), { recursive: true });
      const now = new Date();
      await appendFile(file, checkpoints.map((one) => checkpointLine(one, now)).join(''));
    }
    for (const checkpoint of checkpoints) {
      log.info(checkpoint, 'audit checkpoint');
    }
    await keepCheckpoints(pool, checkpoints);
  };
}
