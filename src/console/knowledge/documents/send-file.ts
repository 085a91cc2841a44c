import {
  DOCUMENT_TYPES,
  documentType,
  isTextDocument,
  MAX_DOCUMENT_BYTES,
} from '../../../contracts/document-types.ts';
import { knowledgeTexts } from '../../messages/knowledge-texts.ts';
import { Failure } from '../../server/failure.ts';
import { callRest } from '../../server/rest.ts';

const text = knowledgeTexts.upload;

/** The endings of files that can be chosen. */
export const ENDINGS = Object.keys(DOCUMENT_TYPES);

/**
 * Sends a file as a document whose title is its name. A file that was sent with the same key before
 * counts once. Throws a `Failure`.
 */
export async function sendFile(
  baseId: string,
  file: File,
  { key, language }: { key: string; language: string | null },
): Promise<void> {
  if (file.size === 0) throw new Failure(text.empty, 'HWINV');
  const type = documentType(file.name);
  const isText = isTextDocument(type);
  if (file.size > MAX_DOCUMENT_BYTES[isText ? 'text' : 'file']) {
    throw new Failure(isText ? text.tooLong : text.tooLarge, 'HWINV', text.tooLargeHint);
  }
  const bytes = new Uint8Array(await file.arrayBuffer());
  if (isText && !isUtf8(bytes)) {
    throw new Failure(text.notText, 'HWINV', text.notTextHint);
  }
  const query = new URLSearchParams({ title: file.name, ...(language && { language }) });
  await callRest(`/api/knowledge-bases/${baseId}/documents?${query}`, {
    method: 'POST',
    file: new Blob([bytes], { type }),
    key,
  });
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}
