import type { ContentBlock } from '@modelcontextprotocol/server';
import type { PoolClient } from '../../db/connection/pool.ts';
import { type FileBytes, filesById, resultBlocks } from '../../db/mcp/content.ts';
import type { JsonObject } from '../../json/json.ts';

/**
 * Returns the blocks of a result, with the files that they name. Returns no blocks if the result is
 * a text.
 */
export async function contentOf(
  client: Pick<PoolClient, 'query'>,
  executionId: string,
): Promise<ContentBlock[]> {
  const blocks = await resultBlocks(client, executionId);
  const ids = blocks.flatMap(({ resource_id: id }) => (typeof id === 'string' ? [id] : []));
  const files = ids.length > 0 ? await filesById(client, ids) : new Map();
  return blocks.map((block) => blockOf(block, files.get(String(block.resource_id))));
}

function blockOf(block: JsonObject, file: FileBytes | undefined): ContentBlock {
  const { type, uri, text, resource_id: id } = block;
  if (type === 'text' || (id === undefined && type !== 'resource')) {
    return { type: 'text', text: String(text ?? '') };
  }
  if (id !== undefined && !file?.bytes) {
    return { type: 'text', text: `[the file ${id} no longer exists]` };
  }
  const mimeType = file?.type ?? block.mimeType;
  return type === 'resource'
    ? {
        type,
        resource: {
          uri: String(uri),
          ...(mimeType === undefined ? {} : { mimeType: String(mimeType) }),
          ...(file ? contentsOf(file) : { text: String(text) }),
        },
      }
    : {
        type: type === 'audio' ? 'audio' : 'image',
        data: file?.bytes?.toString('base64') ?? '',
        mimeType: String(mimeType),
      };
}

/** Returns the content of a file: text as text, other types in base64. */
export function contentsOf({ type, bytes }: FileBytes): { text: string } | { blob: string } {
  const content = bytes ?? Buffer.alloc(0);
  if (/^text\/|json|xml|yaml/.test(type)) {
    try {
      return { text: new TextDecoder('utf-8', { fatal: true }).decode(content) };
    } catch {} // the type says text, but the bytes are none
  }
  return { blob: content.toString('base64') };
}
