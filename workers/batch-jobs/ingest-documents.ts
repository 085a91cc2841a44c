import { moduleBeside, ThreadFault, ThreadPool } from '../../src/concurrency/thread-pool.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { faultOf, isTransient } from '../../src/db/connection/sqlstate.ts';
import {
  type ClaimedDocument,
  claimDocuments,
  dueKnowledgeBases,
  failDocument,
  returnDocuments,
  storeChunks,
} from '../../src/db/knowledge/ingestion.ts';
import type { divideDocument } from '../../src/knowledge/divide-document.ts';
import type { Batch, BatchJob } from './batch-job.ts';

/** Knowledge bases whose documents are divided at once. */
const SLOTS = { atOnce: 2, ofOneTenant: 1 };
/** The most documents of a claim, so that most claims are done long before they are due again. */
const MAX_DOCUMENTS = 5;
/** The time after which claimed documents are due again, as `claim_documents` sets it. */
const CLAIM_MS = 120_000;
const MAX_CHARACTERS = 2_000;
const THREADS = { size: 1, heap_mb: 256 };

/** The most time for the stages of one document. A document that needs more fails. */
export type IngestionLimits = { divide_ms: number; store_ms: number };
/** `store_ms` is below the time that a connection of a worker gives a statement. */
export const INGESTION_LIMITS: IngestionLimits = { divide_ms: 10_000, store_ms: 20_000 };

const DIVIDE = {
  module: moduleBeside('../../src/knowledge/divide-document.ts', import.meta.url),
  name: 'divideDocument' satisfies (typeof divideDocument)['name'],
};

/**
 * Creates the job that divides documents of knowledge bases into chunks. A base is a lane. Texts
 * are divided in a thread, since their author decides how long it takes.
 */
export function ingestionJob(pool: Pool, limits = INGESTION_LIMITS): BatchJob {
  const threads = new ThreadPool(THREADS);
  return {
    ...{ name: 'ingest_document', everyMs: 1_000, maxBatches: 20 },
    lanes: {
      ...SLOTS,
      due: async () =>
        (await dueKnowledgeBases(pool)).map((base) => ({
          id: base.knowledge_base_id,
          tenantId: base.tenant_id,
        })),
    },
    async batch({ id, tenantId }, signal) {
      const base = { knowledge_base_id: id, tenant_id: tenantId };
      const endsAt = performance.now() + CLAIM_MS;
      const documents = await claimDocuments(pool, base, MAX_DOCUMENTS);
      return ingest({ pool, threads, limits, tenantId, endsAt, signal }, documents);
    },
  };
}

type Ingestion = {
  pool: Pool;
  threads: ThreadPool;
  limits: IngestionLimits;
  tenantId: string;
  /** The time at which the claimed documents are due again. */
  endsAt: number;
  signal: AbortSignal;
};

/**
 * Divides claimed documents one by one. Returns those that were not tried: when the worker stops,
 * when too little time of the claim is left, and when this throws.
 */
async function ingest(ingestion: Ingestion, documents: readonly ClaimedDocument[]): Promise<Batch> {
  const { pool, signal } = ingestion;
  const left = [...documents];
  let done = 0;
  try {
    for (const document of documents) {
      const isFirst = left.length === documents.length;
      if (signal.aborted || !(isFirst || hasTime(ingestion))) break;
      if (await ingestOne(ingestion, document)) done += 1;
      left.shift();
    }
  } catch (error) {
    // an attempt that the stop of the worker ended does not count
    const untried = signal.aborted ? left : left.slice(1);
    await returnDocuments(pool, untried).catch(() => {}); // else they are due after the claim
    if (signal.aborted) return { done, isMore: true };
    throw error;
  }
  if (left.length > 0) await returnDocuments(pool, left);
  return { done, isMore: documents.length > 0 };
}

/** Returns whether the claim lasts for one more document, which may take all of its time. */
const hasTime = ({ limits, endsAt }: Ingestion) =>
  performance.now() + limits.divide_ms + limits.store_ms < endsAt;

/**
 * Divides a document and stores its chunks. A document that cannot be divided fails with the
 * reason. Throws if the database is gone or the worker stops: the document is due again later.
 */
async function ingestOne(ingestion: Ingestion, document: ClaimedDocument): Promise<boolean> {
  const { pool, threads, limits, tenantId, signal } = ingestion;
  const { type, content, chunking } = document;
  const maxCharacters = chunking.max_characters ?? MAX_CHARACTERS;
  try {
    const pieces = await threads.run<
      Parameters<typeof divideDocument>,
      ReturnType<typeof divideDocument>
    >(DIVIDE, [{ type, content, maxCharacters }], {
      ...{ key: tenantId, deadline_ms: limits.divide_ms, signal },
    });
    return await storeChunks(pool, document, pieces, limits.store_ms);
  } catch (error) {
    const { code, message } = reasonOf(error, limits);
    if (code === undefined || signal.aborted) throw error;
    await failDocument(pool, document, code, message);
    return true;
  }
}

/** Returns why a document fails. Without a code, the document is not the cause of the error. */
function reasonOf(error: unknown, limits: IngestionLimits): { code?: string; message: string } {
  if (error instanceof ThreadFault) {
    if (error.code === 'deadline') return outOfTime('dividing the text', limits.divide_ms);
    if (error.code !== 'memory') return { message: error.message };
    return { code: 'too_large', message: 'dividing the text took too much memory' };
  }
  const { code, message } = faultOf(error);
  if (code === 'too_large') return { code, message };
  if (code === '57014') return outOfTime('writing the chunks', limits.store_ms);
  if (isTransient(error)) return { message };
  return { code: 'unreadable', message };
}

const outOfTime = (stage: string, ms: number) => ({
  code: 'time_limit',
  message: `${stage} took more than ${ms / 1000} s`,
});
