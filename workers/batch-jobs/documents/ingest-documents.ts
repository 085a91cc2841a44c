import { ThreadPool } from '../../../src/concurrency/thread-pool.ts';
import { claimDocuments, dueKnowledgeBases } from '../../../src/db/knowledge/ingestion.ts';
import type { Egress } from '../../../src/tools/egress.ts';
import type { BatchJob } from '../batch-job.ts';
import { ingest } from './ingest-claimed.ts';
import { INGESTION_LIMITS, type IngestionLimits } from './ingestion-limits.ts';
import { FileReader, type FileReaderOptions } from './read-file.ts';

/** Knowledge bases whose documents are divided at once. */
const SLOTS = { atOnce: 3, ofOneTenant: 1 };
/** The most documents of a claim, so that most claims are done long before they are due again. */
const MAX_DOCUMENTS = 5;
/**
 * Knowledge bases whose scans and images are recognized at once. It takes minutes, so it has slots
 * of its own: as many as processes that recognize text.
 */
const RECOGNITION_SLOTS = { atOnce: 2, ofOneTenant: 1 };
/** The time after which claimed documents are due again, as `claim_documents` sets it. */
const CLAIM_MS = 120_000;
const THREADS = { size: 1, heap_mb: 256 };

export type IngestionOptions = FileReaderOptions & {
  /** The folder of files that are not in the database. */
  resourceFolder?: string | undefined;
  /** Fetches URLs. A job without it leaves documents of URLs to other workers. */
  egress?: Egress | undefined;
  limits?: IngestionLimits | undefined;
};

/**
 * Creates the jobs that divide documents of knowledge bases into chunks. A base is a lane. Texts
 * are divided in a thread, and files read in a process, since their author decides how long it
 * takes. The second job recognizes the text of scans and images, and holds up no other document.
 */
export function ingestionJobs(options: IngestionOptions): [BatchJob, BatchJob] {
  const threads = new ThreadPool(THREADS);
  const files = new FileReader(options);
  const create = (recognizes: boolean) => createJob(options, { threads, files }, recognizes);
  return [
    { name: 'ingest_document', everyMs: 1_000, maxBatches: 20, ...create(false) },
    { name: 'recognize_document', everyMs: 1_000, maxBatches: 1, ...create(true) },
  ];
}

function createJob(
  { pool, provider, resourceFolder, egress, limits = INGESTION_LIMITS }: IngestionOptions,
  { threads, files }: { threads: ThreadPool; files: FileReader },
  recognizes: boolean,
): Pick<BatchJob, 'lanes' | 'batch'> {
  const skills = { callsModels: provider !== undefined, readsUrls: egress !== undefined };
  const atMost = recognizes ? 1 : MAX_DOCUMENTS;
  return {
    lanes: {
      ...(recognizes ? RECOGNITION_SLOTS : SLOTS),
      due: async () =>
        (await dueKnowledgeBases(pool, recognizes)).map((base) => ({
          id: base.knowledge_base_id,
          tenantId: base.tenant_id,
        })),
    },
    async batch({ id, tenantId }, signal) {
      const base = { knowledge_base_id: id, tenant_id: tenantId };
      const endsAt = performance.now() + CLAIM_MS;
      const documents = await claimDocuments(pool, base, { atMost, ...skills, recognizes });
      const places = { pool, threads, files, resourceFolder, egress };
      return ingest({ ...places, limits, base, recognizes, endsAt, signal }, documents);
    },
  };
}
