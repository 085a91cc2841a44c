import type { BatchJobName } from '../../src/db/worker/batch-progress.ts';

/**
 * Rows of a job that one batch at a time works on, such as the answers for one watched table. A
 * lane that is slow or locked holds up no other.
 */
export type Lane = { id: string; tenantId: string };

/** A row that could not be done, which is tried again later. */
export type Failure = { error: unknown; id?: string };

/** The result of one batch. */
export type Batch = {
  /** Number of rows that are done. */
  done: number;
  failures?: readonly Failure[];
  /** True if more rows may be due now. */
  isMore: boolean;
};

/**
 * Work that is done in batches of rows, each in a transaction or a few. Any number of workers do it
 * at once: a batch passes over rows that another one has taken.
 */
export type BatchJob = {
  readonly name: BatchJobName;
  /** The time after which a worker looks for due rows again. */
  readonly everyMs: number;
  /** The most batches in a turn. Then other lanes have theirs, or the job waits for `everyMs`. */
  readonly maxBatches: number;
  /** Finds the rows of a turn. The turn ends if it returns false. */
  begin?(): Promise<boolean>;
  /** Takes due rows and does them. */
  batch(lane: Lane, signal: AbortSignal): Promise<Batch>;
  /** Called after the last batch of a turn. */
  end?(): Promise<void>;
  /** Without it, the job has one lane. */
  readonly lanes?: {
    /** The most lanes that have a turn at once, in all and of one tenant. */
    readonly atOnce: number;
    readonly ofOneTenant: number;
    /** Returns the lanes that have due rows, those of the oldest rows first. */
    due(): Promise<readonly Lane[]>;
  };
};

/** The results of the batches of a turn, and the error of the batch that ended it. */
export type Turn = { done: number; failures: readonly Failure[]; error?: unknown };

/** The lane of a job that has only one. */
export const ONLY_LANE: Lane = { id: '', tenantId: '' };

/** Does batches of a lane until no row is due, or until the turn is over. */
export async function doTurn(
  job: BatchJob,
  lane = ONLY_LANE,
  signal: AbortSignal = new AbortController().signal,
): Promise<Turn> {
  const failures: Failure[] = [];
  let done = 0;
  try {
    if (job.begin && !(await job.begin())) return { done, failures };
    for (let count = 0; count < job.maxBatches && !signal.aborted; count += 1) {
      const batch = await job.batch(lane, signal);
      done += batch.done;
      failures.push(...(batch.failures ?? []));
      if (!batch.isMore) break;
    }
    await job.end?.();
  } catch (error) {
    return { done, failures, error };
  }
  return { done, failures };
}
