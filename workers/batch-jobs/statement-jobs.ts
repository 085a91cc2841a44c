import { callPrivate, type Pool } from '../../src/db/connection/pool.ts';
import { deleteStoredFiles, MAX_FILES } from '../../src/db/files/delete-stored-files.ts';
import type { BatchJob } from './batch-job.ts';

const RUNS_AT_ONCE = 100;
const EVENTS_AT_ONCE = 1_000;
const VECTORS_AT_ONCE = 1_000;

/**
 * Creates the job that erases data which tenants do not keep beyond the end of a run. Only one
 * worker at a time does this. The function in the database records what it has erased, since it
 * looks at more runs than it may erase.
 */
export function erasureJob(pool: Pool): BatchJob {
  return {
    ...{ name: 'erase_run', everyMs: 1_000, maxBatches: 10 },
    async batch() {
      const checked = await callPrivate<number>(pool, 'erase_ended', RUNS_AT_ONCE);
      return { done: 0, isMore: checked >= RUNS_AT_ONCE };
    },
  };
}

/** Creates the job that counts runs which have ended in the rollup of usage. */
export function usageJob(pool: Pool): BatchJob {
  return {
    ...{ name: 'count_usage', everyMs: 1_000, maxBatches: 10 },
    async batch() {
      const done = await callPrivate<number>(pool, 'count_usage', EVENTS_AT_ONCE);
      return { done, isMore: done >= EVENTS_AT_ONCE };
    },
  };
}

/** Creates the job that merges rows of the rollup, one day of one tenant in a batch. */
export function usageMergeJob(pool: Pool): BatchJob {
  return {
    ...{ name: 'merge_usage', everyMs: 15_000, maxBatches: 10 },
    async batch() {
      const isMore = await callPrivate<boolean>(pool, 'merge_usage');
      return { done: isMore ? 1 : 0, isMore };
    },
  };
}

/** Creates the job that deletes vectors which other vectors have replaced. */
export function vectorJob(pool: Pool): BatchJob {
  return {
    ...{ name: 'delete_vector', everyMs: 1_000, maxBatches: 20 },
    async batch() {
      const done = await callPrivate<number>(pool, 'delete_retired_embeddings', VECTORS_AT_ONCE);
      return { done, isMore: done > 0 };
    },
  };
}

/** Creates the job that deletes files whose resources are deleted from the folder of a worker. */
export function fileJob(pool: Pool, folder: string): BatchJob {
  return {
    ...{ name: 'delete_file', everyMs: 5_000, maxBatches: 20 },
    async batch() {
      const { deleted, errors } = await deleteStoredFiles(pool, folder);
      return {
        done: deleted,
        failures: errors.map((reason) => ({ error: new Error(reason) })),
        isMore: deleted + errors.length >= MAX_FILES,
      };
    },
  };
}
