import { callPrivate, type Queryable } from '../connection/pool.ts';
import { faultOf, isConnectionLoss } from '../connection/sqlstate.ts';

/** The jobs that workers do in batches, as in `howdah_private.batch_job_list()`. */
export type BatchJobName =
  | 'apply_retention'
  | 'count_usage'
  | 'delete_file'
  | 'delete_vector'
  | 'embed_chunk'
  | 'encrypt_run'
  | 'erase_run'
  | 'grade_run'
  | 'index_vectors'
  | 'ingest_document'
  | 'merge_usage'
  | 'recognize_document'
  | 'write_answer';

/** The jobs whose rows are in `howdah_private.due_work`. */
export type DueKind = Extract<BatchJobName, 'delete_file' | 'encrypt_run' | 'erase_run'>;

/** Records how many rows of a job are done, and why the last one failed. */
export async function recordBatch(
  client: Queryable,
  job: BatchJobName,
  done: number,
  error?: unknown,
): Promise<void> {
  if (done === 0 && error === undefined) return;
  const reason = error === undefined ? null : faultOf(error).message;
  await callPrivate(client, 'record_batch', job, done, reason);
}

/** Returns whether an owner has paused the job. */
export function isPaused(client: Queryable, job: BatchJobName): Promise<boolean> {
  return callPrivate(client, 'is_batch_job_paused', job);
}

/**
 * Repeats batches until none is left or the job is paused, and records each. Returns the number of
 * rows that are done.
 */
export async function repeatBatches(
  client: Queryable,
  job: BatchJobName,
  batch: () => Promise<number>,
): Promise<number> {
  let sum = 0;
  while (!(await isPaused(client, job))) {
    const done = await batch();
    if (done === 0) break;
    sum += done;
    await recordBatch(client, job, done);
  }
  return sum;
}

/**
 * Records that a row of `due_work` failed. It is tried again after a delay: a second after a lost
 * connection or a deadlock, since the row is not the cause, and longer after other errors.
 */
export async function failDue(
  client: Queryable,
  kind: DueKind,
  id: string,
  error: unknown,
): Promise<void> {
  const { code, message } = faultOf(error);
  const isTransient = isConnectionLoss(error) || code.startsWith('40');
  await callPrivate(client, 'fail_due', kind, id, message, isTransient);
}
