import type { LanguageModelV4FilePart, LanguageModelV4TextPart } from '@ai-sdk/provider';
import { isJsonObject, type JsonObject } from '../../json/json.ts';

type Part = LanguageModelV4TextPart | LanguageModelV4FilePart;

/** The error of a part that cannot be sent inline. */
export const UNSENDABLE =
  'A message contains a part that this vendor cannot receive: send images, audio and files as data (a data: URL, or an attached file), not as a web address.';

const AUDIO_TYPES: Readonly<Record<string, string>> = { wav: 'audio/wav', mp3: 'audio/mpeg' };

/**
 * Converts parts in OpenAI's format. Files are sent as inline data only, because a package or a
 * vendor would fetch the address of a file by itself. Returns null if a part is no inline data.
 */
export function inlineParts(parts: readonly JsonObject[]): Part[] | null {
  const converted: Part[] = [];
  for (const part of parts) {
    const one = inlinePart(part);
    if (one === null) return null;
    if (one.type !== 'text' || one.text.trim() !== '') converted.push(one);
  }
  return converted;
}

function inlinePart(part: JsonObject): Part | null {
  const inner = isJsonObject(part[String(part.type)])
    ? (part[String(part.type)] as JsonObject)
    : {};
  switch (part.type) {
    case 'text':
      return { type: 'text', text: String(part.text ?? '') };
    case 'image_url':
      return fileOf(typeof part.image_url === 'string' ? part.image_url : inner.url);
    case 'file':
      return fileOf(inner.file_data, inner.filename);
    case 'input_audio': {
      const mediaType = AUDIO_TYPES[String(inner.format)] ?? `audio/${inner.format}`;
      return typeof inner.data === 'string' ? filePart(mediaType, inner.data) : null;
    }
    default:
      return null;
  }
}

function fileOf(url: unknown, filename?: unknown): Part | null {
  if (typeof url !== 'string') return null;
  const found = /^data:([^;,]+)(?:;[^,]*)?;base64,/i.exec(url.slice(0, 200));
  if (found === null) return null;
  const file = filePart((found[1] as string).toLowerCase(), url.slice(found[0].length));
  return typeof filename === 'string' && filename !== '' ? { ...file, filename } : file;
}

function filePart(mediaType: string, data: string): LanguageModelV4FilePart {
  return { type: 'file', mediaType, data: { type: 'data', data } };
}
