import type pg from 'pg';
import type { FindProvider } from '../../../src/runtime/model-calls/embed-texts.ts';
import { doTurn } from '../../../workers/batch-jobs/batch-job.ts';
import { gradingJob } from '../../../workers/batch-jobs/grade-runs.ts';
import { findLocal } from './embed-chunks.ts';

/** Grades all runs that are due, as workers do. Throws what a batch throws. */
export async function gradeRuns(
  pool: pg.Pool,
  sqlToolPool: pg.Pool = pool,
  provider: FindProvider = findLocal,
): Promise<number> {
  const job = gradingJob({ pool, sqlToolPool, provider });
  let sum = 0;
  for (;;) {
    const lanes = (await job.lanes?.due()) ?? [];
    if (lanes.length === 0) return sum;
    for (const lane of lanes) {
      const { done, error } = await doTurn(job, lane);
      if (error !== undefined) throw error;
      sum += done;
    }
  }
}
