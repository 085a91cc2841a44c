import { audioFormat } from '../../contracts/agents/audio-format.ts';
import type { Resource } from '../../contracts/agents/resource.ts';
import type { Outcome } from '../../contracts/errors.ts';
import type { Message } from '../../contracts/runs/message.ts';
import type { JsonObject } from '../../json/json.ts';

/** Loads the content of a resource by its id. */
export type LoadResource = (id: string) => Promise<Outcome<Resource>>;

/** Most bytes of a file that is sent to a model. */
export const MAX_ATTACHMENT_BYTES = 20 * 1024 * 1024;
/** Most bytes of all files of one request together. */
export const MAX_ATTACHMENTS_BYTES = 32 * 1024 * 1024;
/** Most bytes of a text file, the same as for an input. */
export const MAX_TEXT_BYTES = 1024 * 1024;

/**
 * Replaces every part `{type: 'resource', resource_id}` by the form that models know. An image
 * becomes a data URL, and a sound of a tool an audio part. A text file becomes a text under its
 * name, and any other file a file part. Files are read one after the other, so that their sum is
 * bounded.
 *
 * A file that cannot be loaded is the error of the request. If nobody could fix this
 * (`isBeyondMending`), as in an earlier turn or in the result of a tool, a remark replaces the
 * file.
 */
export async function resolveParts(
  messages: readonly Message[],
  load: LoadResource,
  isBeyondMending: (message: Message) => boolean = () => false,
): Promise<Outcome<Message[]>> {
  const resolved: Message[] = [];
  const budget = { bytes: MAX_ATTACHMENTS_BYTES };
  for (const message of messages) {
    if (!message.parts?.some(isResource)) {
      resolved.push(message);
      continue;
    }
    const parts: JsonObject[] = [];
    for (const part of message.parts) {
      const replacement: Outcome<JsonObject> = isResource(part)
        ? await partOf(part, load, budget)
        : { ok: true, value: part };
      if (!replacement.ok && (replacement.error.retryable || !isBeyondMending(message))) {
        return replacement;
      }
      parts.push(
        replacement.ok
          ? replacement.value
          : text(`[a file of this message is left out: ${replacement.error.message}]`),
      );
    }
    resolved.push({ ...message, parts });
  }
  return { ok: true, value: resolved };
}

/** Returns `load` with a cache for `owner`. A load that failed is repeated. */
export function cachedLoader(owner: object, load: LoadResource): LoadResource {
  return async (id) => {
    const known = loaded.get(owner) ?? new Map<string, Resource>();
    loaded.set(owner, known);
    const before = known.get(id);
    if (before) {
      return { ok: true, value: before };
    }
    const outcome = await load(id);
    if (outcome.ok) {
      known.set(id, outcome.value);
    }
    return outcome;
  };
}

/**
 * Loaded resources by owner. An entry ends with its owner, so a run that is parked or over keeps no
 * files.
 */
const loaded = new WeakMap<object, Map<string, Resource>>();

function isResource(part: JsonObject): boolean {
  return part.type === 'resource';
}

async function partOf(
  { resource_id, media }: JsonObject,
  load: LoadResource,
  budget: { bytes: number },
): Promise<Outcome<JsonObject>> {
  const outcome = await load(String(resource_id));
  if (!outcome.ok) {
    return outcome;
  }
  const { name, type, bytes } = outcome.value;
  budget.bytes -= bytes.length;
  if (budget.bytes < 0) {
    return failure(
      `the files of this request have more than ${MAX_ATTACHMENTS_BYTES} bytes in total; ${name} exceeds this limit`,
    );
  }
  const format = media === 'audio' ? audioFormat(type) : undefined;
  if (format) {
    return {
      ok: true,
      value: { type: 'input_audio', input_audio: { data: bytes.toString('base64'), format } },
    };
  }
  return outcome.value.is_text
    ? textPart(outcome.value)
    : { ok: true, value: binaryPart(outcome.value) };
}

function binaryPart({ name, type, bytes }: Resource): JsonObject {
  const url = `data:${type.replace(/;.*/, '').trim()};base64,${bytes.toString('base64')}`;
  return type.startsWith('image/')
    ? { type: 'image_url', image_url: { url } }
    : { type: 'file', file: { filename: name, file_data: url } };
}

function textPart({ name, bytes }: Resource): Outcome<JsonObject> {
  if (bytes.length > MAX_TEXT_BYTES) {
    return failure(
      `the file ${name} has ${bytes.length} bytes of text, at most ${MAX_TEXT_BYTES} go into a request: give a large text by a tool that reads it piece by piece`,
    );
  }
  try {
    const content = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return { ok: true, value: text(`File ${name}:\n\n${content}`) };
  } catch {
    return failure(`the file ${name} has a text type, but its bytes are not UTF-8`);
  }
}

function text(content: string): JsonObject {
  return { type: 'text', text: content };
}

function failure(message: string): Outcome<never> {
  return { ok: false, error: { code: 'invalid_request', message, retryable: false } };
}
