import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/client';
import type { ToolOutcome } from '../../../contracts/agents/tool.ts';
import type { Redaction } from '../../../redaction/redaction.ts';
import { firstCharacters } from '../../../text/truncate.ts';
import { typeOf } from '../../file-type.ts';
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
  result: CallToolResult,
  options: ResultOptions,
): Promise<ToolOutcome> {
  const parts = await allContent(result.content, options);
  const value =
    parts.length === 0 && result.structuredContent !== undefined
      ? JSON.stringify(result.structuredContent)
      : parts.join('\n');
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

/** Renders blocks one after the other, so that only one file is decoded at a time. */
export async function allContent(
  blocks: readonly ContentBlock[],
  options: ResultOptions,
): Promise<string[]> {
  const parts: string[] = [];
  let files = 0;
  for (const block of blocks) {
    const isFile = block.type !== 'text' && block.type !== 'resource_link';
    files += isFile ? 1 : 0;
    parts.push(
      isFile && files > MAX_FILES ? `[${block.type}: not kept]` : await renderBlock(block, options),
    );
  }
  return parts;
}

async function renderBlock(block: ContentBlock, options: ResultOptions): Promise<string> {
  switch (block.type) {
    case 'text':
      return block.text;
    case 'image':
    case 'audio':
      return storeBytes(block.data, block.mimeType, undefined, block.type, options);
    case 'resource': {
      const resource = readable(block.resource, options.redaction);
      return 'text' in resource
        ? renderText(resource, options)
        : storeBytes(resource.blob, resource.mimeType, resource.uri, resource.uri, options);
    }
    case 'resource_link':
      return `[${block.name}: ${block.uri}${block.description ? `, ${block.description}` : ''}]`;
  }
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
