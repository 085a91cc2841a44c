import type { Json, JsonObject } from '../../json/json.ts';
import { callPrivate, type Pool } from '../connection/pool.ts';

/** An evaluation with runs that are due to be graded. */
export type DueEvaluation = { tenant_id: string; evaluation_id: string };

/** A grader whose query the worker runs. */
export type SqlGrader = {
  name: string;
  configuration: { query: string; timeout_ms?: number };
};

/** A run that this worker grades. `claim` identifies the attempt. */
export type ClaimedGrade = {
  execution_id: string;
  claim: string;
  /** The graders of kind `sql`. The database has all others. */
  graders: SqlGrader[];
  /** A JSON text, which the queries get as `$1`. */
  argument: string;
};

/** Result of a grader: a score from 0 to 1 and why it is not 1, or why there is no score. */
export type Grade = { score: number; detail?: string } | { error: string };

/** Returns the evaluations that have runs to grade, those of the oldest runs first. */
export async function dueEvaluations(pool: Pool): Promise<DueEvaluation[]> {
  return (await pool.query<DueEvaluation>('select * from howdah_private.due_evaluations()')).rows;
}

/**
 * Claims runs of an evaluation that are due. They are due again after two minutes, so that another
 * worker grades them if this process dies.
 */
export async function claimGrades(
  pool: Pool,
  { tenant_id, evaluation_id }: DueEvaluation,
  atMost: number,
): Promise<ClaimedGrade[]> {
  const { rows } = await pool.query<ClaimedGrade>(
    'select * from howdah_private.claim_grades($1, $2, $3)',
    [tenant_id, evaluation_id, atMost],
  );
  return rows;
}

/** Stores the results of claimed runs in one transaction. Returns how many were still claimed. */
export function storeGrades(
  pool: Pool,
  { tenant_id, evaluation_id }: DueEvaluation,
  graded: readonly { run: ClaimedGrade; grades: Readonly<Record<string, Grade>> }[],
): Promise<number> {
  return callPrivate<number>(
    pool,
    'store_grades',
    tenant_id,
    evaluation_id,
    graded.map(({ run }) => run.execution_id),
    graded.map(({ run }) => run.claim),
    graded.map(({ grades }) => JSON.stringify(grades satisfies Json as JsonObject)),
  );
}

/** Fails results whose grading ended early in each of five attempts. */
export async function giveUpGrading(
  pool: Pool,
  { tenant_id, evaluation_id }: DueEvaluation,
): Promise<void> {
  await callPrivate(pool, 'give_up_grading', tenant_id, evaluation_id);
}
