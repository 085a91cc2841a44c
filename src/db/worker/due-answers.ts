import type { Pool } from '../connection/pool.ts';

/** A watch whose answers are due. */
export type DueWatch = { tenant_id: string; table_trigger_id: string };

/** An answer that this worker may write. `claim` identifies the attempt. */
export type ClaimedAnswer = { execution_id: string; claim: string };

/** The answers of a claim after the attempt. Those in neither list were written or given up. */
export type ClaimResult = {
  /** Answers that could not be written now. They are due again after a delay. */
  postponed: readonly ClaimedAnswer[];
  /** Answers that nobody tried to write. They are due at once. */
  untried: readonly ClaimedAnswer[];
  /** True if the table is locked or slow. No answer is tried for a minute then. */
  isStuck: boolean;
};

/** Returns the watches whose answers are due, those of the oldest answers first. */
export async function dueWatches(pool: Pool): Promise<DueWatch[]> {
  return (await pool.query<DueWatch>('select * from howdah_private.due_watches()')).rows;
}

/**
 * Claims answers of a watch that are due. They are due again after a delay, so that another worker
 * tries if this process dies.
 */
export async function claimAnswers(
  pool: Pool,
  { tenant_id, table_trigger_id }: DueWatch,
  atMost: number,
): Promise<ClaimedAnswer[]> {
  const { rows } = await pool.query<ClaimedAnswer>(
    'select * from howdah_private.claim_answers($1, $2, $3)',
    [tenant_id, table_trigger_id, atMost],
  );
  return rows;
}

/** Records the attempts of answers that were not written, and returns those that were not tried. */
export async function returnAnswers(
  pool: Pool,
  { table_trigger_id }: DueWatch,
  { postponed, untried, isStuck }: ClaimResult,
): Promise<void> {
  await pool.query('select howdah_private.return_answers($1, $2, $3, $4, $5)', [
    table_trigger_id,
    postponed.map(({ execution_id }) => execution_id),
    untried.map(({ execution_id }) => execution_id),
    untried.map(({ claim }) => claim),
    isStuck,
  ]);
}

/** Makes the answer of a run due whose write-back is a job of an earlier release. */
export async function makeAnswerDue(pool: Pool, executionId: string): Promise<void> {
  await pool.query('select howdah_private.begin_write_back($1)', [executionId]);
}
