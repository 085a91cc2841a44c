import {
  type ListResourceTemplatesResult,
  type ReadResourceResult,
  type Resource,
  ResourceNotFoundError,
} from '@modelcontextprotocol/server';
import { HowdahError } from '../../contracts/errors.ts';
import { SizeLimitError } from '../../contracts/size-limits.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import {
  type AddressedFile,
  type AddressedRow,
  addressTemplates,
  fileAt,
  fileMarks,
} from '../../db/mcp/resources.ts';
import { decodePercent } from '../../text/decode-percent.ts';
import { displayable } from '../../text/displayable.ts';
import { replaceWithin } from '../../text/replace-within.ts';
import type { Caller } from '../caller.ts';
import { contentsOf } from './result-content.ts';
import { EXECUTION_TEMPLATE } from './uris.ts';

const PLACEHOLDER = /\{\{\s*(\w{1,60})\s*\}\}/g;
/** Maximum bytes of a file of a tenant, also once its placeholders are filled. */
const MAX_FILE_BYTES = 8 * 1_048_576;
const TEMPLATES_PER_PAGE = 200;
/** Most templates that are tried for one address. */
const MAX_TEMPLATES = 1_000;

export function asResource({ uri, name, type, size, description }: AddressedRow): Resource {
  return { uri, name, mimeType: type, size, ...(description !== null && { description }) };
}

/**
 * Lists the template for runs, and files whose addresses have placeholders. The cursor is the last
 * address of the page before.
 */
export async function listTemplates(
  caller: Caller,
  cursor?: string,
): Promise<ListResourceTemplatesResult> {
  const rows = await caller.transact((client) =>
    addressTemplates(client, cursor, TEMPLATES_PER_PAGE + 1),
  );
  const page = rows.slice(0, TEMPLATES_PER_PAGE);
  const templates = page.map(({ uri, name, type, description }) => ({
    uriTemplate: uri,
    name,
    mimeType: type,
    ...(description !== null && { description }),
  }));
  const runs = {
    uriTemplate: EXECUTION_TEMPLATE,
    name: 'execution',
    description: 'A run with its input, its output and its steps.',
    mimeType: 'application/json',
  };
  const isMore = rows.length > TEMPLATES_PER_PAGE;
  return {
    resourceTemplates: cursor === undefined ? [runs, ...templates] : templates,
    ...(isMore && { nextCursor: page.at(-1)?.uri }),
  };
}

/**
 * Reads the file at an address, or a template filled in. A file that does not exist, or that the
 * caller may not see, is not found.
 */
export async function readAddress(caller: Caller, uri: string): Promise<ReadResourceResult> {
  const file = await caller.transact((client) => fileOf(client, uri));
  if (!file) throw new ResourceNotFoundError(displayable(uri));
  return { contents: [{ uri, mimeType: file.type, ...contentsOf(file) }] };
}

/** Returns the file at an address. Throws if the content of the file is stored elsewhere. */
export async function fileOf(client: PoolClient, uri: string): Promise<AddressedFile | undefined> {
  const file = (await fileAt(client, uri)) ?? (await filledTemplate(client, uri));
  if (file && !file.bytes) {
    throw new HowdahError(
      'HWINV',
      `the content of ${file.name} is stored on disk by the workers, not in the database`,
      {
        hint: 'Only files whose content is in the database can be read here.',
        detail: { resource_id: file.id },
      },
    );
  }
  return file;
}

/**
 * Returns the marks of addresses. The mark of an address changes with the file there. Addresses
 * without a file have no mark.
 */
export async function marksAt(
  client: PoolClient,
  uris: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const marks = new Map(await fileMarks(client, uris));
  const others = uris.filter((uri) => !marks.has(uri));
  const templates =
    others.length > 0 ? await addressTemplates(client, undefined, MAX_TEMPLATES) : [];
  for (const uri of others) {
    const fitting = templates.find((template) => wordsIn(template.uri, uri));
    if (fitting) marks.set(uri, `${fitting.id} ${fitting.name}`);
  }
  return marks;
}

async function filledTemplate(client: PoolClient, uri: string): Promise<AddressedFile | undefined> {
  for (const row of await addressTemplates(client, undefined, MAX_TEMPLATES)) {
    const words = wordsIn(row.uri, uri);
    if (!words) continue;
    const file = await fileAt(client, row.uri);
    if (file?.bytes)
      return { ...file, bytes: Buffer.from(fillPlaceholders(file, file.bytes, words)) };
  }
  return undefined;
}

/**
 * Returns the words that an address has at the placeholders of a template, each as short as
 * possible. Returns undefined if the address does not fit. Does not turn the template into a
 * regular expression, because its author could then decide how long a match takes.
 */
function wordsIn(template: string, uri: string): ReadonlyMap<string, string> | undefined {
  const [first = '', ...parts] = template.split(/\{(\w{1,60})\}/);
  if (!uri.startsWith(first)) return undefined;
  const words = new Map<string, string>();
  let rest = uri.slice(first.length);
  for (let at = 0; at < parts.length; at += 2) {
    const [name = '', literal = ''] = parts.slice(at, at + 2);
    const isLast = at + 2 >= parts.length;
    const end = isLast ? rest.length - literal.length : rest.indexOf(literal, 1);
    const word = rest.slice(0, Math.max(end, 0));
    if (word === '' || /[/?#]/.test(word) || !rest.startsWith(literal, end)) return undefined;
    words.set(name, decodePercent(word) ?? word);
    rest = rest.slice(end + literal.length);
  }
  return rest === '' ? words : undefined;
}

/**
 * Replaces {{name}} in a text by the word of this name. In JSON, the word is escaped. Throws
 * SizeLimitError for a text that would be larger than a file may be.
 */
function fillPlaceholders(
  { type }: AddressedRow,
  bytes: Buffer,
  words: ReadonlyMap<string, string>,
): string {
  const isJson = /^application\/([\w.-]+\+)?json\b/.test(type);
  const fill = (name: string, marker: string): string => {
    const word = words.get(name) ?? marker;
    return isJson ? JSON.stringify(word).slice(1, -1) : word;
  };
  const text = replaceWithin(bytes.toString('utf8'), PLACEHOLDER, fill, MAX_FILE_BYTES);
  if (text === undefined) throw new SizeLimitError('the filled file', MAX_FILE_BYTES);
  return text;
}
