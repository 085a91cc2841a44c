import { z } from 'zod';
import type { ToolOutcome } from '../contracts/agents/tool.ts';
import type { MadeFile, RunFiles } from '../contracts/runs/run-files.ts';
import { isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { Redaction } from '../redaction/redaction.ts';
import { bytesIn } from './mcp/results/files.ts';
import { collectImages } from './mcp/results/images.ts';
import { allContent, readable } from './mcp/results/result.ts';

/** The redaction for tools of this process, which receive no secret. */
const NONE = Redaction.of([]);

/** The key of a result with content besides JSON. The logged result has the same key. */
export const CONTENT = '$content';
/** Most blocks of one result. */
const MOST = 100;

const data = z.string().refine((text) => bytesIn(text) !== null, 'is not in base64');
const of = { uri: z.string().min(1).max(2_000), mimeType: z.string().max(200).optional() };
const BLOCK = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('text'), text: z.string() }),
  z.strictObject({ type: z.enum(['image', 'audio']), data, mimeType: z.string().max(200) }),
  z.strictObject({
    type: z.literal('resource'),
    resource: z.union([
      z.strictObject({ ...of, text: z.string() }),
      z.strictObject({ ...of, blob: data }),
    ]),
  }),
]);
type Block = z.output<typeof BLOCK>;

/** Returns whether a result has content besides JSON. */
export function isContent(value: Json): value is { [CONTENT]: Json[] } {
  return isJsonObject(value) && Array.isArray(value[CONTENT]) && Object.keys(value).length === 1;
}

/**
 * Stores the files of a result. Returns the value for the log and the text for the model: texts
 * unchanged, and a line about each file. In the log, a file is the id of its resource.
 */
export async function storeContent(
  value: { [CONTENT]: Json[] },
  tool: string,
  files: RunFiles,
): Promise<ToolOutcome> {
  const parsed = z.array(BLOCK).max(MOST).safeParse(value[CONTENT]);
  if (!parsed.success) {
    const [{ path, message } = { path: [], message: '' }] = parsed.error.issues;
    return fault(`${tool} gave a result that is none: ${[CONTENT, ...path].join('.')} ${message}`);
  }
  const ids: string[] = [];
  const images = collectImages(async ({ origin, ...file }) => {
    const id = await keepOne(file, files, tool);
    ids.push(id);
    return id;
  });
  const options = { server: '', tool, redaction: NONE, keep: images.keep };
  const logged: JsonObject[] = [];
  const lines: string[] = [];
  for (const rawBlock of parsed.data) {
    const block = (
      rawBlock.type === 'resource'
        ? { ...rawBlock, resource: readable(rawBlock.resource, NONE) }
        : rawBlock
    ) as Block;
    ids.length = 0;
    const [line = ''] = await allContent([block as never], options);
    lines.push(line);
    logged.push(loggedAs(block, ids[0], line));
  }
  return images.besides({ ok: true, value: { [CONTENT]: logged }, text: lines.join('\n') });
}

async function keepOne(file: MadeFile, files: RunFiles, tool: string): Promise<string> {
  const stored = await files.keep([file], { tool, trust: 'external' });
  if (!stored.ok) throw new Error(stored.error.message);
  return stored.value[0]?.id ?? '';
}

/**
 * Returns a block for the log. A file that could not be stored is logged as the line that says so.
 */
function loggedAs(block: Block, resource_id: string | undefined, line: string): JsonObject {
  if (block.type === 'text') return block;
  if (block.type === 'resource') {
    const { uri, mimeType } = block.resource;
    const about = { type: 'resource', uri, ...(mimeType === undefined ? {} : { mimeType }) };
    if (resource_id !== undefined) return { ...about, resource_id };
    return 'text' in block.resource
      ? { ...about, text: block.resource.text }
      : { type: 'text', text: line };
  }
  return resource_id === undefined
    ? { type: 'text', text: line }
    : { type: block.type, mimeType: block.mimeType, resource_id };
}

function fault(message: string): ToolOutcome {
  return { ok: false, error: { code: 'tool_failed', message, retryable: false } };
}
