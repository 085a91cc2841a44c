import type { ToolOutcome } from '../../../contracts/agents/tool.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import type { Redaction } from '../../../redaction/redaction.ts';
import { firstCharacters } from '../../../text/truncate.ts';
import { typeOf } from '../../file-type.ts';
import { entriesOf, structuredContentOf } from '../transport/loose-results.ts';
import { isGiven, textIn } from './entries.ts';
import { bytesIn, fileName, type KeepFile, storeFile } from './files.ts';

/** The origin of a result, and the functions that process its content. */
export type ResultOptions = {
  server: string;
  tool: string;
  /** The redaction for encoded texts; everything else is redacted on arrival. */
  redaction: Redaction;
  keep: KeepFile;
};

/**
 * The largest text of a resource that is returned directly. A longer text is stored as a file, and
 * only its beginning is returned.
 */
const MAX_TEXT_BYTES = 32_768;
const BEGINNING = 2_000;
const MAX_FILES = 20;
const TEXT = /^text\/|json|xml|yaml/;

/**
 * Converts a result for the model. Texts are returned unchanged. Other content is stored as a file
 * and described in brackets.
 */
export async function resultOutcome(
  result: { isError?: boolean | undefined },
  options: ResultOptions,
): Promise<ToolOutcome> {
  const parts = await allContent(entriesOf(result, 'content'), options);
  const structured = structuredContentOf(result);
  const value =
    parts.length === 0 && structured !== undefined ? JSON.stringify(structured) : parts.join('\n');
  return result.isError
    ? {
        ok: false,
        error: {
          code: 'tool_failed',
          message: value || 'the tool failed and did not say why',
          retryable: false,
        },
      }
    : { ok: true, value };
}

/**
 * Renders blocks one after the other, so that only one file is decoded at a time. A block that is
 * not valid is described, and hides no other.
 */
export async function allContent(
  blocks: readonly Json[],
  options: ResultOptions,
): Promise<string[]> {
  const parts: string[] = [];
  let files = 0;
  for (const [at, block] of blocks.entries()) {
    const type = isJsonObject(block) ? block.type : undefined;
    const isFile = type === 'image' || type === 'audio' || type === 'resource';
    files += isFile ? 1 : 0;
    const rendered =
      isFile && files > MAX_FILES ? `[${type}: not kept]` : await renderBlock(block, options);
    parts.push(rendered ?? oddBlock(at, type));
  }
  return parts;
}

function oddBlock(at: number, type: Json | undefined): string {
  const kind = typeof type === 'string' ? ` of type ${firstCharacters(type, 50)}` : '';
  return `[part ${at + 1}${kind} is not valid MCP, and left out]`;
}

/** Renders a block; undefined if it is not valid. */
async function renderBlock(block: Json, options: ResultOptions): Promise<string | undefined> {
  if (typeof block === 'string') return block;
  if (!isJsonObject(block)) return undefined;
  switch (block.type) {
    case 'text':
      return textOf(block.text);
    case 'image':
    case 'audio': {
      const data = textIn(block, 'data');
      const type = textIn(block, 'mimeType');
      if (data === undefined) return undefined;
      return storeBytes(data, type, undefined, block.type, options);
    }
    case 'resource':
      return renderResource(block.resource, options);
    case 'resource_link': {
      const { name, uri, description } = block;
      if (typeof uri !== 'string') return undefined;
      const about = typeof description === 'string' && description ? `, ${description}` : '';
      return `[${typeof name === 'string' ? name : uri}: ${uri}${about}]`;
    }
    default:
      return undefined;
  }
}

/** Returns the text of a block. Some servers put data where a text belongs. */
function textOf(text: Json | undefined): string | undefined {
  if (typeof text === 'string') return text;
  return isGiven(text) ? JSON.stringify(text) : undefined;
}

/** Renders an embedded resource; undefined if it is not valid. */
export async function renderResource(
  given: Json | undefined,
  options: ResultOptions,
): Promise<string | undefined> {
  const found = isJsonObject(given) ? embeddedIn(given) : undefined;
  if (found === undefined) return undefined;
  const resource = readable(found, options.redaction);
  return 'text' in resource
    ? renderText(resource, options)
    : storeBytes(resource.blob, resource.mimeType, resource.uri, resource.uri, options);
}

function embeddedIn(resource: JsonObject): Embedded | undefined {
  const uri = textIn(resource, 'uri');
  const mimeType = textIn(resource, 'mimeType');
  const text = textOf(resource.text);
  const blob = textIn(resource, 'blob');
  if (uri === undefined) return undefined;
  if (text !== undefined) return { uri, mimeType, text };
  return blob === undefined ? undefined : { uri, mimeType, blob };
}

type Embedded = { uri: string; mimeType?: string | undefined } & (
  | { text: string }
  | { blob: string }
);

/** Decodes a resource in base64 whose type is a text type and whose bytes are text. */
export function readable<T extends Embedded>(
  resource: T,
  redaction: Redaction,
): T | (Embedded & { text: string }) {
  if ('text' in resource || !TEXT.test(resource.mimeType ?? '')) return resource;
  const { blob, ...about } = resource as Embedded & { blob: string };
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytesIn(blob) ?? undefined);
    return text === '' || text.includes('\0') ? resource : { ...about, text: redaction.text(text) };
  } catch {
    return resource;
  }
}

async function renderText(
  { uri, text, mimeType }: { uri: string; text: string; mimeType?: string | undefined },
  options: ResultOptions,
): Promise<string> {
  const bytes = Buffer.from(text.replaceAll('\u0000', '').toWellFormed());
  if (bytes.byteLength <= MAX_TEXT_BYTES) {
    return `[${uri}]\n${text}`;
  }
  const said = typeOf(mimeType ?? 'text/plain', bytes);
  const type = TEXT.test(said) ? said : 'text/plain';
  const file = {
    name: options.redaction.text(fileName(uri, options.tool, type)),
    type,
    bytes,
    origin: origin(options, uri),
  };
  const line = await storeFile(file, uri, options.keep);
  return `${line}\n${firstCharacters(text, BEGINNING)}\n[the beginning: ${bytes.byteLength} bytes are in the file]`;
}

async function storeBytes(
  base64: string,
  said: string | undefined,
  uri: string | undefined,
  what: string,
  options: ResultOptions,
): Promise<string> {
  const decoded = bytesIn(base64);
  if (!decoded) {
    return `[${what}: not in base64, or it holds a secret]`;
  }
  const bytes = options.redaction.bytes(decoded);
  const type = typeOf(said, bytes);
  const name = options.redaction.text(fileName(uri, options.tool, type));
  return storeFile({ name, type, bytes, origin: origin(options, uri) }, what, options.keep);
}

function origin({ server, tool }: ResultOptions, uri: string | undefined) {
  return { server, tool, ...(uri === undefined ? {} : { uri: firstCharacters(uri, 2_000) }) };
}
