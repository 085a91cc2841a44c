import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import { tenantPool } from '../../src/db/connection/tenant-pool.ts';
import { beginWriteBack, writeBack } from '../../src/db/worker/write-back.ts';
import { FairTaskQueue, type TenantJob } from '../fair-task-queue.ts';
import { writeBackPayload } from '../payloads.ts';

/**
 * Answers that are written at the same time. Each holds one of the connections that SQL tools need
 * too.
 */
const ROOM = { atOnce: 3, ofOneTenant: 2 };

/**
 * Writes the answer of a run into the row it is about. Beside the job, since a row may be locked and a table slow, and wake-ups shall
 * not wait for that; should this process end before, the job that `beginWriteBack` left in the queue tries again.
 */
export function writeBackTask(
  { pool, sqlToolPool }: { pool: Pool; sqlToolPool: Pool },
  log: Logger,
): Task {
  const line = new FairTaskQueue<TenantJob>(
    ROOM,
    {
      begin: async (job) => ((await beginWriteBack(pool, job.id)) ? job : undefined),
      go: ({ id, tenant_id: tenant }) =>
        writeBack(tenantPool(sqlToolPool, 'tools', { tenant }), id),
    },
    (err, { id }) => log.warn({ err, execution_id: id }, 'an answer is written back later'),
  );
  return async (payload, { addJob }) => {
    const { id, tenant_id } = writeBackPayload.parse(payload);
    const runAt = await line.submit({ id, tenant_id });
    if (runAt) await addJob('write_back', { id, tenant_id }, { jobKey: `write_back ${id}`, runAt });
  };
}
