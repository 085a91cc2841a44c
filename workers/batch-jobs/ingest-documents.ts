import {
  maxCallMs,
  moduleBeside,
  ThreadFault,
  ThreadPool,
} from '../../src/concurrency/thread-pool.ts';
import { MAX_DOCUMENT_BYTES } from '../../src/contracts/document-types.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { faultOf, isTransient } from '../../src/db/connection/sqlstate.ts';
import { loadResource } from '../../src/db/files/load-resource.ts';
import {
  type ClaimedDocument,
  claimDocuments,
  type DividedDocument,
  dueKnowledgeBases,
  failDocument,
  keepDocument,
  postponeDocument,
  returnDocuments,
  storeChunks,
} from '../../src/db/knowledge/ingestion.ts';
import type { divideDocument, Piece } from '../../src/knowledge/divide-document.ts';
import { isFileFault } from '../../src/knowledge/files/file-fault.ts';
import type { Egress } from '../../src/tools/egress.ts';
import type { Batch, BatchJob, Failure } from './batch-job.ts';
import { DETECT_MS, detectInThread } from './detect-language.ts';
import { type FetchOutcome, fetchDocuments } from './fetch-document.ts';
import { DocumentFault, FileReader, type FileReaderOptions } from './read-file.ts';

/**
 * Knowledge bases whose documents are divided at once. Those whose scans are recognized leave one
 * for others.
 */
const SLOTS = { atOnce: 3, ofOneTenant: 1 };
/** The most documents of a claim, so that most claims are done long before they are due again. */
const MAX_DOCUMENTS = 5;
/** The time after which claimed documents are due again, as `claim_documents` sets it. */
const CLAIM_MS = 120_000;
const MAX_CHARACTERS = 2_000;
const THREADS = { size: 1, heap_mb: 256 };
/**
 * The most time for the stages of one document. A document that needs more fails. A file is read
 * and divided in one stage, and a URL fetched before. `recognize_ms` is for the text of images, and
 * `wait_ms` for a file or URL that no worker can read.
 */
export type IngestionLimits = Record<
  'fetch_ms' | 'divide_ms' | 'recognize_ms' | 'store_ms' | 'wait_ms',
  number
>;
/** `store_ms` is below the time that a connection of a worker gives a statement. */
export const INGESTION_LIMITS: IngestionLimits = {
  fetch_ms: 20_000,
  divide_ms: 10_000,
  recognize_ms: 300_000,
  store_ms: 20_000,
  wait_ms: 24 * 3_600_000,
};

const DIVIDE = {
  module: moduleBeside('../../src/knowledge/divide-document.ts', import.meta.url),
  name: 'divideDocument' satisfies (typeof divideDocument)['name'],
};

export type IngestionOptions = FileReaderOptions & {
  /** The folder of files that are not in the database. */
  resourceFolder?: string | undefined;
  /** Fetches URLs. A job without it leaves documents of URLs to other workers. */
  egress?: Egress | undefined;
  limits?: IngestionLimits | undefined;
};

/**
 * Creates the job that divides documents of knowledge bases into chunks. A base is a lane. Texts
 * are divided in a thread, and files read in a process, since their author decides how long it
 * takes.
 */
export function ingestionJob(options: IngestionOptions): BatchJob {
  const { pool, resourceFolder, egress, limits = INGESTION_LIMITS } = options;
  const [threads, files] = [new ThreadPool(THREADS), new FileReader(options)];
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
      const documents = await claimDocuments(pool, base, MAX_DOCUMENTS, egress !== undefined);
      const places = { pool, threads, files, resourceFolder, egress };
      return ingest({ ...places, limits, tenantId, endsAt, signal }, documents);
    },
  };
}

type Ingestion = {
  pool: Pool;
  threads: ThreadPool;
  files: FileReader;
  resourceFolder: string | undefined;
  egress: Egress | undefined;
  limits: IngestionLimits;
  tenantId: string;
  /** The time at which the claimed documents are due again. */
  endsAt: number;
  signal: AbortSignal;
};

/** A batch with the answers of its URLs, by document. */
type FetchedIngestion = Ingestion & { fetched: ReadonlyMap<string, FetchOutcome> };

/**
 * Divides claimed documents one by one. Returns those that were not tried: when the worker stops,
 * when too little time of the claim is left, and when this throws.
 */
async function ingest(ingestion: Ingestion, documents: readonly ClaimedDocument[]): Promise<Batch> {
  const { pool, signal } = ingestion;
  const left = [...documents];
  const failures: Failure[] = [];
  let done = 0;
  try {
    const fetched = await fetchUrls(ingestion, documents);
    for (const document of documents) {
      const isFirst = left.length === documents.length;
      if (signal.aborted || !(isFirst || hasTime(ingestion))) break;
      const ended = await ingestOne({ ...ingestion, fetched }, document);
      if (ended === 'done') done += 1;
      if (ended instanceof Error) failures.push({ id: document.id, error: ended });
      left.shift();
    }
  } catch (error) {
    // an attempt that the stop of the worker ended does not count
    const untried = signal.aborted ? left : left.slice(1);
    await returnDocuments(pool, untried).catch(() => {}); // else they are due after the claim
    if (signal.aborted) return { done, failures, isMore: true };
    throw error;
  }
  if (left.length > 0) await returnDocuments(pool, left);
  // after URLs another base takes its turn, since their servers decide how long they take
  const isMore = documents.length > 0 && !documents.some(({ url }) => url !== null);
  return { done, failures, isMore };
}

/** Returns whether the claim lasts for one more document, which may take all of its time. */
const hasTime = ({ limits, endsAt }: Ingestion) =>
  performance.now() + maxCallMs(limits.divide_ms) + maxCallMs(DETECT_MS) + limits.store_ms < endsAt;

/**
 * Divides a document and stores its chunks. A document that cannot be divided fails with the
 * reason. One whose file or URL this worker cannot read now waits: returns the error.
 * Throws if the database is gone or the worker stops: the document is due again later.
 */
async function ingestOne(
  ingestion: FetchedIngestion,
  document: ClaimedDocument,
): Promise<'done' | 'edited' | Unreachable> {
  const { pool, limits, signal } = ingestion;
  try {
    const divided = await divide(ingestion, document);
    if (divided === 'unchanged') return (await keepDocument(pool, document)) ? 'done' : 'edited';
    if (divided === 'edited') return divided;
    const { detects_language: detects } = document;
    const language = detects ? await detectInThread(ingestion, divided.pieces) : null;
    const stored = { ...divided, language };
    return (await storeChunks(pool, document, stored, limits.store_ms)) ? 'done' : 'edited';
  } catch (error) {
    if (error instanceof Unreachable && !signal.aborted) {
      await postponeDocument(pool, document, error.message, limits.wait_ms);
      return error;
    }
    const isText = document.resource_id === null && document.url === null;
    const stage = isText ? 'dividing the text' : 'reading the file';
    const { code, message } = reasonOf(error, stage, limits);
    if (code === undefined || signal.aborted) throw error;
    await failDocument(pool, document, code, message);
    return 'done';
  }
}

/** Divides a text in a thread, or reads and divides a file or the answer of a URL in a process. */
async function divide(
  ingestion: FetchedIngestion,
  document: ClaimedDocument,
): Promise<DividedDocument | 'unchanged' | 'edited'> {
  const { type, content, chunking, resource_id, url } = document;
  const { threads, files, limits, tenantId, signal } = ingestion;
  const maxCharacters = chunking.max_characters ?? MAX_CHARACTERS;
  const call = { key: tenantId, deadline_ms: limits.divide_ms, signal };
  if (resource_id === null && url === null) {
    type Texts = Parameters<typeof divideDocument>;
    const text = { type, content, maxCharacters };
    return { pieces: await threads.run<Texts, Piece[]>(DIVIDE, [text], call) };
  }
  const read =
    resource_id === null
      ? readUrl(ingestion.fetched.get(document.id))
      : { type, bytes: await loadFile(ingestion, resource_id) };
  if (read === 'unchanged') return read;
  const file = { type: read.type, bytes: read.bytes, maxCharacters };
  const divided = await files.read(document, file, { key: tenantId, limits, signal });
  if (divided === 'edited' || !('source' in read)) return divided;
  if (divided.pieces.length === 0) throw new DocumentFault('no_text', 'the URL has no text');
  return { ...divided, source: read.source };
}

/** Fetches the URLs of claimed documents at once. */
function fetchUrls({ egress, limits, signal }: Ingestion, documents: readonly ClaimedDocument[]) {
  return fetchDocuments(egress, documents, { signal, ms: limits.fetch_ms });
}

/** Returns the answer of a URL. Throws `Unreachable` if a later attempt may succeed. */
function readUrl(fetched: FetchOutcome | undefined) {
  if (!fetched) throw new Error('this worker reads no URLs');
  if (!fetched.ok) {
    const { code, isTransient } = fetched.fault;
    const message = `fetching the URL: ${fetched.fault.message}`;
    throw isTransient ? new Unreachable(message) : new DocumentFault(code, message);
  }
  if (fetched.value.kind === 'unchanged') return 'unchanged';
  const { bytes, source } = fetched.value;
  return { type: source.type, bytes, source };
}

/** A file or URL that this worker cannot read, but another one or a later attempt may. */
class Unreachable extends Error {}

/**
 * Returns the bytes of a file. A file may be missing because the folder is not mounted or is that
 * of another machine, so this is an outage of the worker, and no fault of the file.
 */
async function loadFile({ pool, tenantId, resourceFolder }: Ingestion, id: string) {
  const options = { folder: resourceFolder, maxBytes: MAX_DOCUMENT_BYTES.file };
  const loaded = await loadResource(pool, tenantId, id, options);
  if (loaded.ok) return loaded.value.bytes;
  const { message, cause } = loaded.error;
  if (cause === 'unreachable') {
    throw new Unreachable(`this worker cannot read the file: ${message}`);
  }
  throw new DocumentFault(cause === 'too_large' ? 'too_large' : 'unreadable', message);
}

/** Returns why a document fails. Without a code, the document is not the cause of the error. */
function reasonOf(
  error: unknown,
  stage: string,
  limits: IngestionLimits,
): { code?: string; message: string } {
  if (error instanceof ThreadFault) {
    if (error.code === 'deadline') return outOfTime(stage, limits.divide_ms);
    if (error.code !== 'memory') return { message: error.message };
    return { code: 'too_large', message: `${stage} took too much memory` };
  }
  const { code, message } = faultOf(error);
  if (error instanceof DocumentFault || isFileFault(error)) return { code, message };
  if (code === '57014') return outOfTime('writing the chunks', limits.store_ms);
  if (isTransient(error)) return { message };
  return { code: 'unreadable', message };
}

const outOfTime = (stage: string, ms: number) => ({
  code: 'time_limit',
  message: `${stage} took more than ${ms / 1000} s`,
});
