import type { Pool } from '../../src/db/connection/pool.ts';
import { tenantPool } from '../../src/db/connection/tenant-pool.ts';
import { askSqlGrader } from '../../src/db/quality/ask-sql-grader.ts';
import {
  type ClaimedGrade,
  claimGrades,
  type DueEvaluation,
  dueEvaluations,
  type Grade,
  giveUpGrading,
  storeGrades,
} from '../../src/db/quality/due-grades.ts';
import type { FindProvider } from '../../src/runtime/model-calls/embed-texts.ts';
import type { Batch, BatchJob } from './batch-job.ts';
import { embedAnswers } from './embed-answers.ts';

/** Evaluations that are graded at once. Each uses a connection that SQL tools need too. */
const SLOTS = { atOnce: 2, ofOneTenant: 1 };
const MAX_RUNS = 50;
/** The time after which a batch ends, long before its claim does. */
const MAX_MS = 60_000;

type GradingPools = { pool: Pool; sqlToolPool: Pool };

type GradingOptions = GradingPools & {
  /** Finds the providers of embedding models. */
  provider: FindProvider;
};

/**
 * Creates the job that grades runs of evaluations. The database grades by itself, except for SQL
 * graders, whose queries run in the sandbox, each in a transaction of its own, and similarity
 * graders, which need vectors of a model.
 */
export function gradingJob({ pool, sqlToolPool, provider }: GradingOptions): BatchJob {
  return {
    ...{ name: 'grade_run', everyMs: 1_000, maxBatches: 20 },
    lanes: {
      ...SLOTS,
      due: async () =>
        (await dueEvaluations(pool)).map(({ tenant_id, evaluation_id }) => ({
          id: evaluation_id,
          tenantId: tenant_id,
        })),
    },
    async batch({ id, tenantId }, signal) {
      const evaluation = { tenant_id: tenantId, evaluation_id: id };
      await giveUpGrading(pool, evaluation);
      const embedded = await embedAnswers(pool, provider, evaluation, signal);
      const runs = await claimGrades(pool, evaluation, MAX_RUNS);
      const batch = await grade({ pool, sqlToolPool }, evaluation, runs, signal);
      return { ...batch, isMore: batch.isMore || embedded > 0 };
    },
  };
}

/** Grades claimed runs. Those for which no time is left are due again after their claim. */
async function grade(
  { pool, sqlToolPool }: GradingPools,
  evaluation: DueEvaluation,
  runs: readonly ClaimedGrade[],
  signal: AbortSignal,
): Promise<Batch> {
  const endsAt = performance.now() + MAX_MS;
  const view = tenantPool(sqlToolPool, 'tools', { tenant: evaluation.tenant_id });
  const graded: { run: ClaimedGrade; grades: Record<string, Grade> }[] = [];
  for (const run of runs) {
    if (signal.aborted || performance.now() > endsAt) break;
    const grades: Record<string, Grade> = {};
    for (const grader of run.graders) {
      grades[grader.name] = await askSqlGrader(view, evaluation.tenant_id, run, grader);
    }
    graded.push({ run, grades });
  }
  const done = graded.length > 0 ? await storeGrades(pool, evaluation, graded) : 0;
  return { done, isMore: runs.length > 0 };
}
