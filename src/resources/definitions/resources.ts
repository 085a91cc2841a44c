import { z } from 'zod';
import { DOCUMENT_TYPES } from '../../contracts/document-types.ts';
import { id, object, time } from '../fields.ts';
import { refuseBoth } from '../request-refusal.ts';
import { resource } from '../resource.ts';

/** Returns an address: of a path, that of the file. */
function toUri(address: string): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(address)) return address;
  return encodeURI(address.startsWith('/') ? `file://${address}` : `file:${address}`);
}

/** MIME types by the endings of files: those of documents, and others. */
const MIME_TYPES: ReadonlyMap<string, string> = new Map([
  ...Object.entries(DOCUMENT_TYPES).map(([ending, type]) => [ending.slice(1), type] as const),
  ['json', 'application/json'],
  ['text', 'text/plain'],
  ['xml', 'application/xml'],
]);

/** Returns a MIME type: of the end of a file name, that of such files. */
const toMimeType = (type: string): string =>
  MIME_TYPES.get(type.toLowerCase().replace(/^\./, '')) ?? type;

/** Files. The content of a file is written once. */
export const resources = resource('resources', {
  path: '/api/resources',
  one: 'resource',
  isLarge: true,
  columns: {
    name: z.string(),
    type: z.string().describe('MIME type, or the end of a file name such as pdf'),
    uri: z.string().nullable().optional(),
    sha256: z.string().optional(),
    metadata: object.optional(),
    execution_id: id.nullable().optional(),
    session_id: id.nullable().optional(),
  },
  parts: {
    content: z.string().optional().describe('The text of the resource'),
    base64: z
      .base64()
      .optional()
      .describe('The bytes of the resource; a request may have at most 4 MB'),
  },
  creationAliases: { storage_path: 'uri' },
  once: ['type', 'sha256', 'execution_id', 'session_id', 'bytes'],
  readOnly: {
    size: z.number(),
    storage_path: z.string().nullable(),
    created_by: z.string(),
    created_at: time,
  },
  examples: { create: { name: 'letter.txt', type: 'text/plain', content: 'Dear customer,' } },
  filters: {
    name: z.string().optional(),
    type: z.string().optional(),
    execution_id: id.optional(),
    session_id: id.optional(),
  },
  aliases: { resource_id: 'id' },
  valuesOf({ content, base64, ...sent }) {
    refuseBoth({ content, base64 }, 'base64', ['content']);
    const body = {
      ...sent,
      ...(typeof sent.uri === 'string' && { uri: toUri(sent.uri) }),
      ...(typeof sent.type === 'string' && { type: toMimeType(sent.type) }),
    };
    if (content === undefined && base64 === undefined) return body;
    const bytes =
      content === undefined ? Buffer.from(String(base64), 'base64') : Buffer.from(String(content));
    return { ...body, bytes: `\\x${bytes.toString('hex')}` };
  },
});
