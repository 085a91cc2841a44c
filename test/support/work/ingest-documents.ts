import type pg from 'pg';
import { type BatchJob, doTurn } from '../../../workers/batch-jobs/batch-job.ts';
import {
  type IngestionOptions,
  ingestionJobs,
} from '../../../workers/batch-jobs/documents/ingest-documents.ts';
import {
  INGESTION_LIMITS,
  type IngestionLimits,
} from '../../../workers/batch-jobs/documents/ingestion-limits.ts';

type Jobs = ReturnType<typeof ingestionJobs>;

/** Jobs per pool, since each has a thread that loads the detector of languages. */
const jobs = new WeakMap<pg.Pool, Jobs>();

function jobsOf(pool: pg.Pool): Jobs {
  const made = jobs.get(pool) ?? ingestionJobs({ pool });
  jobs.set(pool, made);
  return made;
}

/**
 * Divides all documents that are due, as workers do, and recognizes the text of images. Throws what
 * a batch throws.
 */
export async function ingestDocuments(
  pool: pg.Pool,
  limits?: Partial<IngestionLimits>,
  places?: Omit<IngestionOptions, 'pool' | 'limits'>,
): Promise<number> {
  const made =
    limits || places
      ? ingestionJobs({ pool, limits: { ...INGESTION_LIMITS, ...limits }, ...places })
      : jobsOf(pool);
  return doAllDue(made);
}

/** Does what is due for jobs, until nothing is. Returns the number of documents that are done. */
export async function doAllDue(jobs: readonly BatchJob[]): Promise<number> {
  let sum = 0;
  for (;;) {
    const done = await doRound(jobs);
    if (done === undefined) return sum;
    sum += done;
  }
}

/** Gives each lane a turn. Returns undefined if nothing is due. */
async function doRound(jobs: readonly BatchJob[]): Promise<number | undefined> {
  let sum: number | undefined;
  for (const job of jobs) {
    for (const lane of (await job.lanes?.due()) ?? []) {
      const { done, error } = await doTurn(job, lane);
      if (error !== undefined) throw error;
      sum = (sum ?? 0) + done;
    }
  }
  return sum;
}
