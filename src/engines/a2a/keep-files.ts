import type { Part } from '@a2a-js/sdk';
import type { ModelCallContext } from '../../contracts/agents/model.ts';
import { Redaction } from '../../redaction/redaction.ts';
import { typeOf } from '../../tools/file-type.ts';
import { fileName, type KeepFile, storeFile } from '../../tools/mcp/results/files.ts';
import type { Connection } from './connection.ts';

/** Most files of one answer that are kept. */
const MAX_FILES = 20;

/**
 * Stores the files of an answer as files of the run, and returns a line about each. Files that an
 * agent names by URL are downloaded under the rules of every outgoing request. A file that cannot
 * be kept does not fail the answer.
 */
export async function fileLines(
  parts: readonly Part[],
  context: ModelCallContext,
  connection: Connection,
): Promise<string[]> {
  const files = parts.filter(({ content }) => content?.$case === 'raw' || content?.$case === 'url');
  const lines: string[] = [];
  for (const [at, part] of files.entries()) {
    const line = at < MAX_FILES ? await fileLine(part, context, connection) : '[file: not kept]';
    lines.push(line);
  }
  return lines;
}

async function fileLine(
  part: Part,
  { files, key, run }: ModelCallContext,
  connection: Connection,
): Promise<string> {
  const redaction = Redaction.of(key === undefined ? [] : [key]);
  const { content, filename, mediaType } = part;
  const url = content?.$case === 'url' ? content.value : undefined;
  const loaded = await bytesOf(part, connection);
  const type = typeOf(mediaType || loaded.type, loaded.bytes);
  const name = redaction.text(fileName(filename || url, 'file', type));
  if (loaded.fault !== undefined) return `[${name}: not kept, ${redaction.text(loaded.fault)}]`;
  const keep: KeepFile = async ({ origin, ...file }) => {
    const stored = await files?.keep([file], origin);
    if (!stored?.ok) throw new Error(stored?.error.message ?? 'this call belongs to no run');
    return stored.value[0]?.id ?? '';
  };
  const call = run?.idempotency_key ?? ''; // a repeated attempt stores no file again
  const origin = { tool: 'a2a', host: connection.host, call, trust: 'external' };
  const bytes = redaction.bytes(loaded.bytes);
  return storeFile({ name, type, bytes, origin }, 'file', keep);
}

type LoadedFile = { bytes: Buffer; type?: string; fault?: string };

async function bytesOf({ content }: Part, connection: Connection): Promise<LoadedFile> {
  if (content?.$case === 'raw') return { bytes: Buffer.from(content.value) };
  try {
    const response = await connection.fetch(String(content?.value));
    if (!response.ok) {
      await response.body?.cancel();
      return { bytes: Buffer.alloc(0), fault: `its server answered with ${response.status}` };
    }
    const type = response.headers.get('content-type') ?? '';
    return { bytes: Buffer.from(await response.arrayBuffer()), type };
  } catch (error) {
    return { bytes: Buffer.alloc(0), fault: (error as Error).message };
  }
}
