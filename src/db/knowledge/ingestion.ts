import { storableJson } from '../../json/storable-json.ts';
import { inTransaction, type Pool } from '../connection/pool.ts';

/** A knowledge base with documents that are due. */
export type DueBase = { tenant_id: string; knowledge_base_id: string };

/** A document that this worker divides. `claim` identifies the attempt, and may be extended. */
export type ClaimedDocument = {
  id: string;
  claim: string;
  title: string;
  type: string;
  content: string;
  chunking: { max_characters?: number };
  /** The file of the document, whose text is not known yet. */
  resource_id: string | null;
  /** The address of the document, and what its last answer said of the text. */
  url: string | null;
  etag: string | null;
  last_modified: string | null;
  /** True if the language of the text is to be detected. */
  detects_language: boolean;
  /** True if a model recognizes the text of images. */
  has_ocr_model: boolean;
  /** True if the text of a URL is stored. It is not fetched, so `url` is null. */
  is_stored: boolean;
};

/**
 * Returns the knowledge bases whose documents are due, those of the oldest documents first. With
 * `recognizes`, of the documents whose images of text are recognized, else of the others.
 */
export async function dueKnowledgeBases(pool: Pool, recognizes = false): Promise<DueBase[]> {
  const { rows } = await pool.query<DueBase>(
    'select * from howdah_private.due_knowledge_bases($1)',
    [recognizes],
  );
  return rows;
}

type ClaimOptions = {
  atMost: number;
  /** Claims documents of URLs too. */
  readsUrls?: boolean;
  /** Claims files and URLs of bases whose model recognizes text too. */
  callsModels?: boolean;
  /** Claims only documents whose text is recognized in images; if false, only the others. */
  recognizes?: boolean;
};

/**
 * Claims documents of a base that are due. They are due again after two minutes, so that another
 * worker tries if this process dies.
 */
export async function claimDocuments(
  pool: Pool,
  { tenant_id, knowledge_base_id }: DueBase,
  { atMost, readsUrls = false, callsModels = false, recognizes = false }: ClaimOptions,
): Promise<ClaimedDocument[]> {
  const { rows } = await pool.query<ClaimedDocument>(
    'select * from howdah_private.claim_documents($1, $2, $3, true, $4, true, $5, $6, true)',
    [tenant_id, knowledge_base_id, atMost, readsUrls, callsModels, recognizes],
  );
  return rows;
}

/** Returns the pieces that the chunks of a document were made of. */
export async function storedPieces(
  pool: Pool,
  { id }: ClaimedDocument,
): Promise<DividedDocument['pieces'][number][]> {
  const { rows } = await pool.query<DividedDocument['pieces'][number]>(
    'select * from howdah_private.stored_pieces($1)',
    [id],
  );
  return rows;
}

/** The properties of a text, by the answer of its URL. */
export type DocumentSource = { type: string; etag: string | null; last_modified: string | null };

/**
 * The pieces of a document, and its text if it was read from a file or URL. `language` is null if
 * it is undecided.
 */
export type DividedDocument = {
  pieces: readonly { content: string; [field: string]: unknown }[];
  content?: string;
  source?: DocumentSource;
  language?: string | null;
};

/**
 * Stores the pieces of a document as chunks. Returns false if it was edited or deleted. Throws
 * `57014` after the time limit.
 */
export async function storeChunks(
  pool: Pool,
  { id, claim }: ClaimedDocument,
  { pieces, content, source, language }: DividedDocument,
  limit_ms: number,
): Promise<boolean> {
  return inTransaction(pool, async (client) => {
    await client.query(`set local statement_timeout = ${limit_ms}`);
    const { rows } = await client.query<{ stored: boolean }>(
      'select howdah_private.store_chunks($1, $2, $3, $4, $5, $6) as stored',
      [
        id,
        claim,
        storableJson(pieces),
        content ?? null,
        source ? storableJson(source) : null,
        language ?? null,
      ],
    );
    return rows[0]?.stored ?? false;
  });
}

/** Records that the URL of a document has not changed since it was last read. */
export async function keepDocument(pool: Pool, { id, claim }: ClaimedDocument): Promise<boolean> {
  const { rows } = await pool.query<{ kept: boolean }>(
    'select howdah_private.keep_document($1, $2) as kept',
    [id, claim],
  );
  return rows[0]?.kept ?? false;
}

/** Marks a document as failed, with the reason. */
export async function failDocument(
  pool: Pool,
  { id, claim }: ClaimedDocument,
  code: string,
  message: string,
): Promise<void> {
  await pool.query('select howdah_private.fail_document($1, $2, $3, $4)', [
    id,
    claim,
    code,
    message,
  ]);
}

/**
 * Makes a document wait with the reason, since this worker cannot read its file. The attempt does
 * not count. After `limit_ms` of waiting, the document fails.
 */
export async function postponeDocument(
  pool: Pool,
  { id, claim }: ClaimedDocument,
  message: string,
  limit_ms: number,
): Promise<void> {
  await pool.query('select howdah_private.postpone_document($1, $2, $3, $4)', [
    id,
    claim,
    message,
    limit_ms / 1000,
  ]);
}

/** Returns claimed documents that nobody tried. They are due at once. */
export async function returnDocuments(
  pool: Pool,
  documents: readonly ClaimedDocument[],
): Promise<void> {
  await pool.query('select howdah_private.return_documents($1, $2)', [
    documents.map(({ id }) => id),
    documents.map(({ claim }) => claim),
  ]);
}
