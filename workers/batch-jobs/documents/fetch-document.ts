import { STATUS_CODES } from 'node:http';
import { extname } from 'node:path';
import {
  DOCUMENT_TYPES,
  documentType,
  MAX_DOCUMENT_BYTES,
} from '../../../src/contracts/document-types.ts';
import type { Outcome } from '../../../src/contracts/errors.ts';
import type { DocumentSource } from '../../../src/db/knowledge/ingestion.ts';
import { isJsonObject } from '../../../src/json/json.ts';
import type { Egress, EgressAnswer } from '../../../src/tools/egress.ts';

/** A URL, and what its last answer said of the text. */
export type DocumentAddress = { url: string; etag: string | null; last_modified: string | null };

/** The bytes behind a URL, or `unchanged` since its last answer. */
export type FetchedDocument =
  | { kind: 'unchanged' }
  | { kind: 'read'; bytes: Uint8Array; source: DocumentSource };

/** Why a URL was not read. A later attempt may succeed if it is `isTransient`. */
export type FetchFault = { code: string; message: string; isTransient: boolean };

export type FetchOutcome = { ok: true; value: FetchedDocument } | { ok: false; fault: FetchFault };

type FetchOptions = { signal: AbortSignal; ms: number };

/** Fetches the URLs of documents at once, so that slow servers cost the time of one. */
export async function fetchDocuments(
  egress: Egress | undefined,
  documents: readonly (Omit<DocumentAddress, 'url'> & { id: string; url: string | null })[],
  options: FetchOptions,
): Promise<Map<string, FetchOutcome>> {
  const outcomes = documents.map(async ({ id, url, ...validators }) =>
    egress && url !== null
      ? [[id, await fetchDocument(egress, { url, ...validators }, options)] as const]
      : [],
  );
  return new Map((await Promise.all(outcomes)).flat());
}

/**
 * Fetches the document of a URL through the egress guard, which checks the address again for each
 * redirect. Sends `If-None-Match` and `If-Modified-Since` if the last answer allows it.
 */
export async function fetchDocument(
  egress: Egress,
  { url, etag, last_modified }: DocumentAddress,
  { signal: stopped, ms }: FetchOptions,
): Promise<FetchOutcome> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(ms)]);
  const isConditional = etag !== null || last_modified !== null;
  const answer = await egress.open({
    url,
    headers: new Headers({
      accept: 'text/html, text/markdown, text/plain;q=0.9, */*;q=0.5',
      'user-agent': 'howdah',
      ...(etag !== null && { 'if-none-match': etag }),
      ...(last_modified !== null && { 'if-modified-since': last_modified }),
    }),
    signal,
    maxBytes: MAX_DOCUMENT_BYTES.file,
  });
  if (!answer.ok) return requestFault(answer);
  const { status, headers } = answer.value;
  const type = typeOf(answer.value);
  const isUnchanged = status === 304 && isConditional;
  const fault = isUnchanged ? undefined : (statusFault(status) ?? typeFault(type, headers));
  if (fault || isUnchanged || type === undefined) {
    answer.value.body.destroy();
    return fault ? { ok: false, fault } : { ok: true, value: { kind: 'unchanged' } };
  }
  const read = await egress.read(answer.value, signal);
  if (!read.ok) return requestFault(read);
  const [newEtag, changed] = [headers.get('etag'), headers.get('last-modified')];
  const source = { type, etag: short(newEtag), last_modified: short(changed) };
  const bytes = type.startsWith('text/') ? inUtf8(read.value.body, type, headers) : read.value.body;
  return { ok: true, value: { kind: 'read', bytes, source } };
}

/** The longest header that is kept. A longer one is left out, so that the URL is read in full. */
const MAX_HEADER = 1_000;
const short = (value: string | null) => (value && value.length <= MAX_HEADER ? value : null);

/** Converts an error of the guard or of the connection. */
function requestFault({ error }: Outcome<never> & { ok: false }): { ok: false; fault: FetchFault } {
  const isTooLarge = isJsonObject(error.cause) && error.cause.max_bytes !== undefined;
  const code = isTooLarge ? 'too_large' : error.code === 'invalid_request' ? 'refused' : error.code;
  return { ok: false, fault: { code, message: error.message, isTransient: error.retryable } };
}

/** Returns the fault of a status that is no success. */
function statusFault(status: number): FetchFault | undefined {
  if (status >= 200 && status < 300) return undefined;
  return {
    code: 'http_error',
    message: `the server answered with HTTP ${status} ${STATUS_CODES[status] ?? ''}`.trim(),
    isTransient: status === 408 || status === 425 || status === 429 || status >= 500,
  };
}

function typeFault(type: string | undefined, headers: Headers): FetchFault | undefined {
  if (type !== undefined) return undefined;
  return {
    code: 'unsupported_type',
    message: `the answer has the type ${headers.get('content-type') ?? 'none'}, which is no type of a document`,
    isTransient: false,
  };
}

const TYPES: ReadonlySet<string> = new Set(Object.values(DOCUMENT_TYPES));
const OTHER_NAMES: Record<string, string> = {
  'application/xhtml+xml': 'text/html',
  'text/x-markdown': 'text/markdown',
};
/** Types that servers send for files that they do not know. */
const GENERIC = new Set(['', 'application/octet-stream', 'binary/octet-stream', 'text/plain']);

/** Returns the type of a document, by its header and then by the ending of the path. */
function typeOf({ url, headers }: EgressAnswer<unknown>): string | undefined {
  const sent = (headers.get('content-type') ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  const { pathname } = new URL(url);
  if (GENERIC.has(sent) && Object.hasOwn(DOCUMENT_TYPES, extname(pathname).toLowerCase())) {
    return documentType(pathname);
  }
  const type = OTHER_NAMES[sent] ?? sent;
  return TYPES.has(type) ? type : undefined;
}

const CHARSET = /charset\s*=\s*["']?([\w.:-]+)/i;

/** Converts a text from the encoding that its header or its HTML names. */
function inUtf8(body: Buffer, type: string, headers: Headers): Uint8Array {
  const begin = type === 'text/html' ? body.toString('latin1', 0, 1024) : '';
  const named = CHARSET.exec(headers.get('content-type') ?? '') ?? CHARSET.exec(begin);
  try {
    const decoder = new TextDecoder(named?.[1] ?? 'utf-8', { fatal: true });
    return decoder.encoding === 'utf-8' ? body : Buffer.from(decoder.decode(body));
  } catch {
    return body; // the reader of texts says that it is no UTF-8
  }
}
