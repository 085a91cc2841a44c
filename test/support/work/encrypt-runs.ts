import type { Pool } from '../../../src/db/connection/pool.ts';
import type { ContentCipher } from '../../../src/secrets/contents.ts';
import { doTurn } from '../../../workers/batch-jobs/batch-job.ts';
import { encryptionJob } from '../../../workers/batch-jobs/encrypt-runs.ts';

/** Encrypts and decrypts what is due, as a worker does. Calls `onError` for each failure. */
export async function encryptRuns(
  pool: Pool,
  cipher: ContentCipher,
  onError: (error: unknown) => void,
): Promise<void> {
  const { failures, error: ended } = await doTurn(encryptionJob(pool, cipher));
  if (ended !== undefined) throw ended;
  for (const { error } of failures) onError(error);
}
