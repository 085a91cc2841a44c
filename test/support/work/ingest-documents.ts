import type pg from 'pg';
import { type BatchJob, doTurn } from '../../../workers/batch-jobs/batch-job.ts';
import {
  INGESTION_LIMITS,
  type IngestionLimits,
  type IngestionOptions,
  ingestionJob,
} from '../../../workers/batch-jobs/ingest-documents.ts';

/** A job per pool, since each job has a thread that loads the detector of languages. */
const jobs = new WeakMap<pg.Pool, BatchJob>();

function jobOf(pool: pg.Pool): BatchJob {
  const job = jobs.get(pool) ?? ingestionJob({ pool });
  jobs.set(pool, job);
  return job;
}

/** Divides all documents that are due, as workers do. Throws what a batch throws. */
export async function ingestDocuments(
  pool: pg.Pool,
  limits?: Partial<IngestionLimits>,
  places?: Omit<IngestionOptions, 'pool' | 'limits'>,
): Promise<number> {
  const job =
    limits || places
      ? ingestionJob({ pool, limits: { ...INGESTION_LIMITS, ...limits }, ...places })
      : jobOf(pool);
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
