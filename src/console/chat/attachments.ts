import type { Json } from '../../json/json.ts';
import { messages } from '../messages/messages.ts';
import { Failure } from '../server/failure.ts';
import { callRest } from '../server/rest.ts';

/** The largest file. A request has at most 4 MB, and base64 takes a third more. */
export const MAX_BYTES = 3_000_000;

/** Files that were stored, by their session, so that a message sent again stores none twice. */
const stored = new WeakMap<File, { sessionId: string | null; part: Json }>();

/**
 * Stores files, those of a conversation in its session. Returns them as parts of a message. Throws
 * a `Failure`, before anything is stored if a file is too large.
 */
export async function storeFiles(
  sessionId: string | null,
  files: readonly File[],
): Promise<Json[]> {
  const large = files.find(({ size }) => size > MAX_BYTES);
  if (large) {
    throw new Failure(messages.chat.tooLarge(large.name), 'HWINV', messages.chat.tooLargeHint);
  }
  const parts: Json[] = [];
  for (const file of files) {
    const known = stored.get(file);
    const isKnown = known?.sessionId === sessionId;
    const part = isKnown ? known.part : await storeFile(sessionId, file);
    stored.set(file, { sessionId, part });
    parts.push(part);
  }
  return parts;
}

async function storeFile(sessionId: string | null, file: File): Promise<Json> {
  const { body } = await callRest<{ id: string }>('/api/resources', {
    method: 'POST',
    body: {
      name: file.name,
      type: file.type || typeOf(file.name),
      base64: toBase64(new Uint8Array(await file.arrayBuffer())),
      session_id: sessionId,
    },
  });
  return { type: 'resource', resource_id: body.id };
}

/** Returns the end of the name of a file without a type. The server turns it into a type. */
function typeOf(name: string): string {
  return /\.(csv|docx|html|json|md|pdf|txt|xlsx|xml)$/i.exec(name)?.[1] ?? 'text/plain';
}

function toBase64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  for (let at = 0; at < bytes.length; at += 32_768) {
    pieces.push(String.fromCharCode(...bytes.subarray(at, at + 32_768)));
  }
  return btoa(pieces.join(''));
}
