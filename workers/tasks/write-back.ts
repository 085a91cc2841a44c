import type { Task } from 'graphile-worker';
import type { Logger } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import { tenantPool } from '../../src/db/connection/tenant-pool.ts';
import { beginWriteBack, writeBack } from '../../src/db/worker/write-back.ts';
import type { JsonObject } from '../../src/json/json.ts';
import type { RuntimeDependencies } from '../../src/runtime/environment/runtime-dependencies.ts';
import { isEncrypted } from '../../src/secrets/encrypted-values.ts';
import { FairTaskQueue, type TenantJob } from '../fair-task-queue.ts';
import { writeBackPayload } from '../payloads.ts';

/**
 * Limits of the answers that are written at once. Each uses one of the connections that SQL tools
 * need too.
 */
const ROOM = { atOnce: 3, ofOneTenant: 2 };

/**
 * Creates the task that writes the answer of a run into its row. The answer is written outside of
 * the job, because a locked row or a slow table must not delay wake-ups. If this process ends
 * before, the job that `beginWriteBack` left in the queue tries again.
 */
export function writeBackTask(
  { pool, sqlToolPool }: { pool: Pool; sqlToolPool: Pool },
  decryptFor: RuntimeDependencies['decryptFor'],
  log: Logger,
): Task {
  const line = new FairTaskQueue<TenantJob>(
    ROOM,
    {
      begin: async (job) => ((await beginWriteBack(pool, job.id)) ? job : undefined),
      go: ({ id, tenant_id: tenant }) =>
        writeBack(tenantPool(sqlToolPool, 'tools', { tenant }), id, {
          decrypt: (answer) => readAnswer(id, answer, decryptFor),
        }),
    },
    (err, { id }) => log.warn({ err, execution_id: id }, 'an answer will be written back later'),
  );
  return async (payload, { addJob }) => {
    const { id, tenant_id } = writeBackPayload.parse(payload);
    const runAt = await line.submit({ id, tenant_id });
    if (runAt) await addJob('write_back', { id, tenant_id }, { jobKey: `write_back ${id}`, runAt });
  };
}

/** Returns the answer of a run in plain text. Throws if it cannot be decrypted here. */
async function readAnswer(
  executionId: string,
  answer: JsonObject,
  decryptFor: RuntimeDependencies['decryptFor'],
): Promise<JsonObject> {
  const plain = await decryptFor(executionId, answer);
  if (Object.values(plain).some(isEncrypted)) {
    throw new Error('the answer is encrypted, and this worker cannot decrypt it');
  }
  return plain;
}
