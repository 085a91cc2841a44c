import type { Pool } from '../../src/db/connection/pool.ts';
import type { WriteOptions } from '../../src/db/worker/answer-sandbox.ts';
import { writeAnswers } from '../../src/db/worker/write-answers.ts';

/** Writes the answer of one run as a worker does, due or not. Throws if it was postponed. */
export async function writeAnswerBack(
  pool: Pool,
  executionId: string,
  { writers = pool, ...options }: WriteOptions & { writers?: Pool } = {},
): Promise<void> {
  await pool.query('select howdah_private.begin_write_back($1)', [executionId]);
  const { rows } = await pool.query(
    `select d.execution_id, to_jsonb(d.due_at) #>> '{}' as claim, d.tenant_id, d.table_trigger_id
     from howdah_private.due_answers as d where d.execution_id = $1`,
    [executionId],
  );
  const errors: unknown[] = [];
  await writeAnswers(writers, rows[0], rows, {
    onPostponed: (error) => errors.push(error),
    ...options,
  });
  if (errors.length > 0) throw errors[0];
}
