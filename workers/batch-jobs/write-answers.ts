import type { Logger } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import { tenantPool } from '../../src/db/connection/tenant-pool.ts';
import type { AnswerContents, Pace } from '../../src/db/worker/answer-sandbox.ts';
import {
  claimAnswers,
  type DueWatch,
  dueWatches,
  returnAnswers,
} from '../../src/db/worker/due-answers.ts';
import { writeAnswers } from '../../src/db/worker/write-answers.ts';
import type { RuntimeDependencies } from '../../src/runtime/environment/runtime-dependencies.ts';
import { isEncrypted } from '../../src/secrets/encrypted-values.ts';
import type { Batch, BatchJob, Failure } from './batch-job.ts';

/**
 * Limits of the watches whose answers are written at once. Each uses one of the connections that
 * SQL tools need too.
 */
const SLOTS = { atOnce: 3, ofOneTenant: 2 };
/** Maximum number of answers of a claim. */
const MAX_ANSWERS = 100;
/** The number of watches whose pace is remembered. */
const MAX_REMEMBERED = 10_000;

export type AnswerOptions = {
  pool: Pool;
  sqlToolPool: Pool;
  decryptFor: RuntimeDependencies['decryptFor'];
  log: Logger;
};

/**
 * Creates the job that writes the answers of runs into the rows of watched tables. It works apart
 * from the job queue, because a locked row or a slow table must not delay wake-ups, and because one
 * claim takes many answers. A watch is a lane, so that a table that is locked holds up no other.
 */
export function answersJob(options: AnswerOptions): BatchJob {
  const { pool } = options;
  const paces = new Map<string, Pace>();
  return {
    ...{ name: 'write_answer', everyMs: 1_000, maxBatches: 1 },
    lanes: {
      ...SLOTS,
      due: async () =>
        (await dueWatches(pool)).map((watch) => ({
          id: watch.table_trigger_id,
          tenantId: watch.tenant_id,
        })),
    },
    async batch({ id, tenantId }, signal) {
      if (paces.size > MAX_REMEMBERED) paces.clear();
      const pace = paces.get(id) ?? { msPerAnswer: undefined };
      paces.set(id, pace);
      return writeClaim(options, { table_trigger_id: id, tenant_id: tenantId }, pace, signal);
    },
  };
}

async function writeClaim(
  { pool, sqlToolPool, decryptFor, log }: AnswerOptions,
  watch: DueWatch,
  pace: Pace,
  signal: AbortSignal,
): Promise<Batch> {
  const claimed = await claimAnswers(pool, watch, MAX_ANSWERS);
  if (claimed.length === 0) return { done: 0, isMore: false };
  const failures: Failure[] = [];
  const result = await writeAnswers(
    tenantPool(sqlToolPool, 'tools', { tenant: watch.tenant_id }),
    watch,
    claimed,
    {
      ...{ pace, signal },
      decrypt: (id, answer) => decrypt(decryptFor, id, answer),
      onPostponed: (error, id) => void failures.push({ error, id }),
    },
  );
  const { postponed, untried, isStuck } = result;
  if (isStuck) {
    const { table_trigger_id } = watch;
    log.warn({ table_trigger_id }, 'the answers of a locked or slow table wait for a minute');
  }
  const left = postponed.length + untried.length;
  if (left > 0) await returnAnswers(pool, watch, result);
  return { done: claimed.length - left, failures, isMore: false };
}

/** Returns the answer of a run in plain text. Throws if it cannot be decrypted here. */
async function decrypt(
  decryptFor: RuntimeDependencies['decryptFor'],
  executionId: string,
  answer: AnswerContents,
): Promise<AnswerContents> {
  const plain = await decryptFor(executionId, answer);
  if (Object.values(plain).some(isEncrypted)) {
    throw new Error('the answer is encrypted, and this worker cannot decrypt it');
  }
  return plain;
}
