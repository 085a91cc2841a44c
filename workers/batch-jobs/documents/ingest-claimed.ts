import {
  maxCallMs,
  moduleBeside,
  ThreadFault,
  type ThreadPool,
} from '../../../src/concurrency/thread-pool.ts';
import { isTextDocument, MAX_DOCUMENT_BYTES } from '../../../src/contracts/document-types.ts';
import type { Pool } from '../../../src/db/connection/pool.ts';
import { faultOf, isTransient } from '../../../src/db/connection/sqlstate.ts';
import { loadResource } from '../../../src/db/files/load-resource.ts';
import {
  type ClaimedDocument,
  type DividedDocument,
  type DueBase,
  failDocument,
  keepDocument,
  postponeDocument,
  returnDocuments,
  storeChunks,
  storedPieces,
} from '../../../src/db/knowledge/ingestion.ts';
import { awaitRecognition, delayRecognition } from '../../../src/db/knowledge/recognition.ts';
import type { divideDocument, Piece } from '../../../src/knowledge/divide-document.ts';
import { isFileFault } from '../../../src/knowledge/files/file-fault.ts';
import type { Egress } from '../../../src/tools/egress.ts';
import type { Batch, Failure } from '../batch-job.ts';
import { DETECT_MS, detectInThread } from './detect-language.ts';
import { DocumentFault, Unreachable } from './document-fault.ts';
import { type FetchOutcome, fetchDocuments } from './fetch-document.ts';
import type { IngestionLimits } from './ingestion-limits.ts';
import type { FileReader } from './read-file.ts';
import { RecognitionDelay } from './recognize-pages.ts';

const MAX_CHARACTERS = 2_000;

const DIVIDE = {
  module: moduleBeside('../../../src/knowledge/divide-document.ts', import.meta.url),
  name: 'divideDocument' satisfies (typeof divideDocument)['name'],
};

/** Settings and services with which a job divides documents. */
export type Ingestion = {
  pool: Pool;
  threads: ThreadPool;
  files: FileReader;
  resourceFolder: string | undefined;
  egress: Egress | undefined;
  limits: IngestionLimits;
  base: DueBase;
  /** True to recognize the text of images; if false, such documents wait for the job that does. */
  recognizes: boolean;
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
export async function ingest(
  ingestion: Ingestion,
  documents: readonly ClaimedDocument[],
): Promise<Batch> {
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
 * reason. One whose file, URL or model cannot be reached now waits: returns the error.
 * Throws if the database is gone or the worker stops: the document is due again later.
 */
async function ingestOne(
  ingestion: FetchedIngestion,
  document: ClaimedDocument,
): Promise<'done' | 'edited' | 'later' | Unreachable | RecognitionDelay> {
  const { pool, limits, signal } = ingestion;
  try {
    const divided = await divide(ingestion, document);
    if (divided === 'unchanged') return (await keepDocument(pool, document)) ? 'done' : 'edited';
    if (divided === 'later') await returnDocuments(pool, [document]);
    if (divided === 'images') await awaitRecognition(pool, document);
    if (typeof divided === 'string') return divided === 'edited' ? divided : 'later';
    const { detects_language: detects } = document;
    const caller = { ...ingestion, tenantId: ingestion.base.tenant_id };
    const language = detects ? await detectInThread(caller, divided.pieces) : null;
    const stored = { ...divided, language };
    return (await storeChunks(pool, document, stored, limits.store_ms)) ? 'done' : 'edited';
  } catch (error) {
    if (error instanceof Unreachable && !signal.aborted) {
      await postponeDocument(pool, document, error.message, limits.wait_ms);
      return error;
    }
    if (error instanceof RecognitionDelay && !signal.aborted) {
      await delayRecognition(pool, document, error.error, limits.wait_ms);
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
): Promise<DividedDocument | 'unchanged' | 'edited' | 'later' | 'images'> {
  const { type, content, chunking, resource_id, url } = document;
  const { threads, files, limits, base, recognizes, signal } = ingestion;
  const maxCharacters = chunking.max_characters ?? MAX_CHARACTERS;
  const call = { key: base.tenant_id, deadline_ms: limits.divide_ms, signal };
  if (document.is_stored && !isTextDocument(type)) {
    return { pieces: await storedPieces(ingestion.pool, document) };
  }
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
  const fileCall = { base, limits, signal };
  const divided = recognizes
    ? await files.recognize(document, file, fileCall)
    : await files.read(document, file, fileCall);
  if (typeof divided === 'string' || !('source' in read)) return divided;
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

/**
 * Returns the bytes of a file. A file may be missing because the folder is not mounted or is that
 * of another machine, so this is an outage of the worker, and no fault of the file.
 */
async function loadFile({ pool, base, resourceFolder }: Ingestion, id: string) {
  const options = { folder: resourceFolder, maxBytes: MAX_DOCUMENT_BYTES.file };
  const loaded = await loadResource(pool, base.tenant_id, id, options);
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
