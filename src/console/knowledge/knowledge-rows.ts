import { enumLabels } from '../../contracts/enum-labels.generated.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { KNOWLEDGE } from '../rows/paths.ts';

/** Documents of a base by status, and its chunks: `howdah.knowledge_bases_state`. */
export type BaseState = Record<DocumentStatus | 'chunks', number>;

export const STATUSES = enumLabels.document_status;
export type DocumentStatus = (typeof STATUSES)[number];

/** A document as REST shows it. */
export type DocumentRow = {
  id: string;
  knowledge_base_id: string;
  title: string;
  type: string;
  language: string | null;
  detected_language: string | null;
  url: string | null;
  reread_seconds: number | null;
  read_at: string | null;
  metadata: JsonObject;
  status: DocumentStatus;
  status_at: string;
  error: { code?: Json; message?: Json } | null;
  digest: string;
  created_by: string;
  created_at: string;
};

/** A chunk of a document as REST shows it. */
export type ChunkRow = {
  id: string;
  seq: number;
  heading_path: string[];
  start_offset: number;
  end_offset: number;
  page: number | null;
  trust: string;
  content: string;
};

/** Why a chunk was found by one kind of search, or what kept a reranker from its place. */
export type Reason = {
  rank?: number;
  score?: number;
  terms?: string[];
  error?: { code: string; message: string };
};

/** A chunk that a search found. */
export type Hit = {
  document_id: string;
  chunk_seq: number;
  content: string;
  score: number;
  ranks: Record<string, Reason>;
  title: string;
  heading_path: string[];
  trust: string;
};

export const BASES = KNOWLEDGE;

/** Returns the path of a base, by its id or its name. */
export const basePage = (base: string) => `${BASES}/${encodeURIComponent(base)}`;

/** Returns the path of a document, or of one of its chunks. */
export function documentPage(base: string, document: string, chunk?: number): string {
  const path = `${basePage(base)}/documents/${document}`;
  return chunk === undefined ? path : `${path}?chunk=${chunk}`;
}

/** Returns the number of all documents, and of those that wait for a worker or are with one. */
export function sumsOf({ pending, working, ready, failed }: BaseState) {
  return { all: pending + working + ready + failed, open: pending + working };
}
