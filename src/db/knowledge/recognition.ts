import type { ModelRef } from '../../contracts/agents/model.ts';
import type { Usage } from '../../contracts/agents/usage.ts';
import type { RunError } from '../../contracts/errors.ts';
import { storableJson } from '../../json/storable-json.ts';
import type { Pool } from '../connection/pool.ts';
import type { ClaimedDocument } from './ingestion.ts';

/** Why a model may not be called, or has failed. */
export type RecognitionError = Pick<RunError, 'code' | 'message'> & {
  /** The least time until the next attempt. */
  wait_ms?: number;
};

/** The model that recognizes the text of a document, with the digest of what decides about it. */
export type OcrModel = { model: ModelRef; model_digest: string };

/** How the text of a document is recognized: by a model, or by Tesseract in a language. */
export type Recognition = {
  language: string;
  ocr: OcrModel | undefined;
  error: RecognitionError | null;
};

/**
 * Returns a document to the queue, for the job that recognizes text. Returns false if it was edited
 * or deleted.
 */
export async function awaitRecognition(
  pool: Pool,
  { id, claim }: ClaimedDocument,
): Promise<boolean> {
  const { rows } = await pool.query<{ awaits: boolean }>(
    'select howdah_private.await_recognition($1, $2) as awaits',
    [id, claim],
  );
  return rows[0]?.awaits ?? false;
}

type RecognitionRow = {
  new_claim: string;
  language: string;
  model: ModelRef | null;
  model_digest: string | null;
  error: RecognitionError | null;
};

/**
 * Extends the claim of a document to 15 minutes, and returns how its text is recognized. Returns
 * undefined if it was edited or deleted.
 */
export async function beginRecognition(
  pool: Pool,
  document: ClaimedDocument,
): Promise<Recognition | undefined> {
  const { rows } = await pool.query<RecognitionRow>(
    'select * from howdah_private.begin_recognition($1, $2)',
    [document.id, document.claim],
  );
  const [row] = rows;
  if (!row) return undefined;
  document.claim = row.new_claim;
  const { language, model, model_digest, error } = row;
  return { language, error, ocr: model && model_digest ? { model, model_digest } : undefined };
}

/** A page of a file with this digest, whose text a model recognizes. */
export type RecognizedPage = { digest: string; page: number };

/** Returns the texts that a model has recognized in a file before, in the order of pages. */
export async function knownPages(
  pool: Pool,
  { id }: ClaimedDocument,
  { model_digest }: OcrModel,
  digest: string,
): Promise<{ page: number; content: string }[]> {
  const { rows } = await pool.query<{ page: number; content: string }>(
    'select * from howdah_private.known_pages($1, $2, $3)',
    [id, model_digest, digest],
  );
  return rows;
}

/** A call that may be made, or why not. */
export type CallAdmission =
  | { outcome: 'edited' }
  | { outcome: 'full'; error: RecognitionError }
  | { outcome: 'call'; call_id: string | null };

/** Begins a call of a model for a page of a document, if limits allow it. */
export async function beginPage(
  pool: Pool,
  { id, claim }: ClaimedDocument,
  { model }: OcrModel,
): Promise<CallAdmission> {
  const { rows } = await pool.query<CallAdmission>(
    'select * from howdah_private.begin_page($1, $2, $3)',
    [id, claim, model.id],
  );
  return rows[0] ?? { outcome: 'edited' };
}

/** The result of a call: the text or the error, and the tokens that the server reports. */
export type PageResult = {
  call_id: string | null;
  content?: string;
  usage?: Usage | undefined;
  error?: RecognitionError;
};

/**
 * Stores the text of a page, counts the call, and extends the claim. Returns false if the document
 * was edited or deleted: then only the call is counted.
 */
export async function endPage(
  pool: Pool,
  base: { tenant_id: string; knowledge_base_id: string },
  document: ClaimedDocument,
  { model, model_digest }: OcrModel,
  { digest, page }: RecognizedPage,
  { call_id, content, usage, error }: PageResult,
): Promise<boolean> {
  const { rows } = await pool.query<{ claim: string | null }>(
    `select howdah_private.end_page($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) as claim`,
    [
      ...[document.id, document.claim, model_digest, digest, page],
      ...[base.tenant_id, base.knowledge_base_id, model.id, call_id, content ?? null],
      usage ? storableJson({ ...usage }) : null,
      error ? storableJson({ code: error.code, message: error.message }) : null,
    ],
  );
  const claim = rows[0]?.claim;
  if (claim) document.claim = claim;
  return typeof claim === 'string';
}

/** Deletes the texts of a document that are of an earlier file or of another model. */
export async function endRecognition(
  pool: Pool,
  { id, claim }: ClaimedDocument,
  { model_digest }: OcrModel,
  digest: string,
): Promise<void> {
  await pool.query('select howdah_private.end_recognition($1, $2, $3, $4)', [
    ...[id, claim, model_digest, digest],
  ]);
}

/** The longest wait that a server may ask for. */
const MAX_WAIT_MS = 3_600_000;

/**
 * Makes a document wait with the reason, since its model fails or a limit is reached. The attempt
 * does not count. When the model has failed for `limit_ms`, the document fails.
 */
export async function delayRecognition(
  pool: Pool,
  { id, claim }: ClaimedDocument,
  { code, message, wait_ms = 0 }: RecognitionError,
  limit_ms: number,
): Promise<void> {
  await pool.query('select howdah_private.delay_recognition($1, $2, $3, $4, $5)', [
    ...[id, claim, storableJson({ code, message })],
    ...[Math.round(Math.min(wait_ms, MAX_WAIT_MS)), limit_ms / 1000],
  ]);
}
