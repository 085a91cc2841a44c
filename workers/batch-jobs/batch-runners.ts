import { secretRowsOn } from '../../src/db/access/secrets.ts';
import type { BatchJobName } from '../../src/db/worker/batch-progress.ts';
import type { FindProvider } from '../../src/runtime/model-calls/embed-texts.ts';
import { createContentCipher } from '../../src/secrets/contents.ts';
import type { MasterKeys } from '../../src/secrets/master-keys.ts';
import type { Egress } from '../../src/tools/egress.ts';
import type { BatchJob } from './batch-job.ts';
import { BatchRunner, type BatchRunnerOptions } from './batch-runner.ts';
import { ingestionJobs } from './documents/ingest-documents.ts';
import { embeddingJob } from './embed-chunks.ts';
import { encryptionJob } from './encrypt-runs.ts';
import { gradingJob } from './grade-runs.ts';
import { erasureJob, fileJob, usageJob, usageMergeJob, vectorJob } from './statement-jobs.ts';
import { type AnswerOptions, answersJob } from './write-answers.ts';

export type BatchRunnersOptions = BatchRunnerOptions &
  AnswerOptions & {
    /** Finds the providers of models that embed, and of those that recognize text. */
    provider: FindProvider;
    /** The folder of the files of resources. A worker without a folder deletes no files. */
    resourceFolder?: string | undefined;
    /** The folder of the data of Tesseract. For images of bases without a model for them. */
    tesseractData?: string | undefined;
    /** Fetches the documents of URLs. A worker without it leaves them to others. */
    egress?: Egress | undefined;
    /** The keys of data keys of contents. A worker without keys encrypts nothing. */
    masterKeys?: MasterKeys | undefined;
  };

/**
 * The time between the first looks of two jobs. At the same moment, each would open a connection of
 * its own, whose first statements are slow.
 */
const FIRST_LOOKS_APART_MS = 25;

/** Runs all batch jobs of a worker. */
export class BatchRunners {
  readonly #runners: ReadonlyMap<BatchJobName, BatchRunner>;

  constructor(options: BatchRunnersOptions) {
    this.#runners = new Map(
      jobsOf(options).map((job) => [job.name, new BatchRunner(job, options)]),
    );
  }

  start(): void {
    let afterMs = 0;
    for (const runner of this.#runners.values()) {
      runner.start(afterMs);
      afterMs += FIRST_LOOKS_APART_MS;
    }
  }

  /** Looks for due rows of a job, since there may be some. */
  nudge(job: BatchJobName): void {
    this.#runners.get(job)?.nudge();
  }

  /** Returns whether no batch of the job is under way. */
  isIdle(job: BatchJobName): boolean {
    return this.#runners.get(job)?.isIdle ?? true;
  }

  /** Ends each turn after the row or batch under way. */
  async stop(): Promise<void> {
    await Promise.all([...this.#runners.values()].map((runner) => runner.stop()));
  }
}

function jobsOf(options: BatchRunnersOptions): BatchJob[] {
  const { pool, provider, masterKeys, resourceFolder, tesseractData, egress } = options;
  return [
    answersJob(options),
    ...ingestionJobs({ pool, provider, resourceFolder, tesseractData, egress }),
    embeddingJob(pool, provider),
    vectorJob(pool),
    gradingJob(options),
    erasureJob(pool),
    usageJob(pool),
    usageMergeJob(pool),
    ...(masterKeys
      ? [encryptionJob(pool, createContentCipher(secretRowsOn(pool), masterKeys))]
      : []),
    ...(resourceFolder === undefined ? [] : [fileJob(pool, resourceFolder)]),
  ];
}
