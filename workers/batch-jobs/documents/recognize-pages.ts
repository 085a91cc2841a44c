import { createHash } from 'node:crypto';
import {
  moduleBeside,
  ThreadFault,
  ThreadPool,
  type ThreadPoolOptions,
} from '../../../src/concurrency/thread-pool.ts';
import type { RunError } from '../../../src/contracts/errors.ts';
import type { Pool } from '../../../src/db/connection/pool.ts';
import type { ClaimedDocument } from '../../../src/db/knowledge/ingestion.ts';
import {
  beginPage,
  endPage,
  endRecognition,
  knownPages,
  type OcrModel,
  type RecognitionError,
} from '../../../src/db/knowledge/recognition.ts';
import type { DocumentFile } from '../../../src/knowledge/files/divide-file.ts';
import type {
  NextScan,
  nextScan,
  Scan,
} from '../../../src/knowledge/files/recognition/next-scan.ts';
import type { Transcripts } from '../../../src/knowledge/files/recognition/transcripts.ts';
import type { FindProvider } from '../../../src/runtime/model-calls/embed-texts.ts';
import { transcribeImage } from '../../../src/runtime/model-calls/transcribe-image.ts';
import { DocumentFault } from './document-fault.ts';

/** Pages are drawn in a process of their own, as files are read. */
const DRAWING: ThreadPoolOptions = {
  runs_in: 'process',
  ...{ size: 1, heap_mb: 384, memory_mb: 1_024, max_calls: 100 },
};
const NEXT_SCAN = {
  module: moduleBeside('../../../src/knowledge/files/recognition/next-scan.ts', import.meta.url),
  name: 'nextScan' satisfies (typeof nextScan)['name'],
};

/** Errors that are due to the page or the model itself. After others, the document waits. */
const OF_PAGES: ReadonlySet<RunError['code']> = new Set([
  'content_filtered',
  'context_too_long',
  'empty_answer',
  'invalid_request',
  'output_truncated',
  'refused',
]);

/** The reason why a document waits: its model fails, or a limit allows no call now. */
export class RecognitionDelay extends Error {
  readonly error: RecognitionError;

  constructor(error: RecognitionError) {
    super(error.message);
    this.error = error;
  }
}

/** The limits of the recognition by a model: see `IngestionLimits`. */
export type PageLimits = Record<'draw_ms' | 'call_ms' | 'turn_ms', number>;

export type PageCall = {
  base: { tenant_id: string; knowledge_base_id: string };
  limits: PageLimits;
  signal: AbortSignal;
};

/**
 * Recognizes the text of images and scanned pages by the model of a base. Each text is stored when
 * the model has answered, so another attempt goes on with the next page.
 */
export class PageRecognizer {
  readonly #pool: Pool;
  readonly #provider: FindProvider;
  readonly #drawing = new ThreadPool(DRAWING);

  constructor(pool: Pool, provider: FindProvider) {
    this.#pool = pool;
    this.#provider = provider;
  }

  /**
   * Returns the texts of all pages; `later` if the time of the turn is over; or `edited` if the
   * document was edited or deleted. Throws `DocumentFault`, `RecognitionDelay`, the faults of
   * `nextScan`, and `ThreadFault`.
   */
  async recognize(
    document: ClaimedDocument,
    file: Pick<DocumentFile, 'type' | 'bytes'>,
    ocr: OcrModel,
    call: PageCall,
  ): Promise<Transcripts | 'later' | 'edited'> {
    const endsAt = performance.now() + call.limits.turn_ms;
    const digest = createHash('sha256').update(file.bytes).digest('hex');
    const known = await knownPages(this.#pool, document, ocr, digest);
    const pages = known.map(({ page, content }) => [page, content] as const);
    let undecoded = 0;
    for (let isFirst = true; ; isFirst = false) {
      const next = await this.#next(file, pages.at(-1)?.[0] ?? 0, call);
      undecoded += next.undecoded;
      if (!next.scan) break;
      if (!isFirst && performance.now() >= endsAt) return 'later';
      const text = await this.#readScan(document, next.scan, digest, ocr, call);
      if (text === undefined) return 'edited';
      pages.push([next.scan.page, text]);
    }
    await endRecognition(this.#pool, document, ocr, digest);
    return { pages, undecoded };
  }

  async #next(
    { type, bytes }: Pick<DocumentFile, 'type' | 'bytes'>,
    after: number,
    { base, limits, signal }: PageCall,
  ): Promise<NextScan> {
    const called = { key: base.tenant_id, deadline_ms: limits.draw_ms, signal };
    type Args = Parameters<typeof nextScan>;
    try {
      return await this.#drawing.run<Args, NextScan>(NEXT_SCAN, [{ type, bytes }, after], called);
    } catch (error) {
      const isLate = error instanceof ThreadFault && error.code === 'deadline';
      const reason = `drawing a page took more than ${limits.draw_ms / 1000} s`;
      throw isLate ? new DocumentFault('time_limit', reason) : error;
    }
  }

  /** Calls the model for a page, and stores the text. Returns undefined for an edited document. */
  async #readScan(
    document: ClaimedDocument,
    { page, type, image }: Scan,
    digest: string,
    ocr: OcrModel,
    { base, limits, signal }: PageCall,
  ): Promise<string | undefined> {
    const pageCall = await beginPage(this.#pool, document, ocr);
    if (pageCall.outcome === 'edited') return undefined;
    if (pageCall.outcome === 'full') throw new RecognitionDelay(pageCall.error);
    const outcome = await transcribeImage(this.#provider, {
      ...{ tenantId: base.tenant_id, model: ocr.model, signal, ms: limits.call_ms },
      image: { type, bytes: image },
    });
    const { call_id } = pageCall;
    const result = outcome.ok
      ? { call_id, content: storableText(outcome.value.text), usage: outcome.value.usage }
      : { call_id, error: outcome.error, usage: outcome.usage };
    const isStored = await endPage(this.#pool, base, document, ocr, { digest, page }, result);
    signal.throwIfAborted();
    if (!isStored) return undefined;
    if (!outcome.ok) throw faultOf(outcome.error, page);
    return result.content;
  }
}

/** Returns a text without the characters that Postgres cannot store. */
const storableText = (text: string): string => text.replaceAll('\0', '').toWellFormed();

function faultOf({ code, message, retry_after_ms }: RunError, page: number): Error {
  const reason = `recognizing the text of page ${page}: ${message}`;
  if (OF_PAGES.has(code)) return new DocumentFault(code, reason);
  return new RecognitionDelay({ code, message: reason, wait_ms: retry_after_ms ?? 0 });
}
