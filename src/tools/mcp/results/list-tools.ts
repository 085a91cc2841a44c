import { createHash } from 'node:crypto';
import type { Client, Tool } from '@modelcontextprotocol/client';
import { canonicalJson } from '../../../json/canonical-json.ts';
import type { JsonObject } from '../../../json/json.ts';
import { parseJson } from '../../../json/parse-json.ts';
import { firstCharacters } from '../../../text/truncate.ts';
import type { FoundTool, Listing } from '../server.ts';
import { ownTools } from './resource-tools.ts';
import { schemaFault, withoutPatterns } from './sanitize-schema.ts';

const MAX_TOOLS = 500;
const MAX_PAGES = 50;
const MAX_TOOL_BYTES = 32_768;

/**
 * Characters that are invisible or change the display of others: controls, marks of direction,
 * tags. Some emoji contain one.
 */
export const HIDDEN = /[\p{Cf}\p{Co}]|(?![\t\n\r])\p{Cc}/u;

/**
 * Lists all tools of a server. Throws the errors of the client, and an error if there are too many
 * tools.
 */
export async function listServerTools(
  client: Client,
  signal: AbortSignal,
): Promise<Omit<Listing, 'prompts'>> {
  const { name = '', version = '' } = client.getServerVersion() ?? {};
  const server_info = { name: shownName(name), version: shownName(version) };
  if (!client.getServerCapabilities()?.tools) {
    return { server_info, tools: ownTools(client, new Set()) };
  }
  const tools = new Map<string, FoundTool>();
  let cursor: string | undefined;
  for (let page = 0; ; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const request = { method: 'tools/list' as const, params };
    const answer = await client.request(request, { signal });
    for (const tool of answer.tools.filter(({ name }) => /^[\x21-\x7e]{1,128}$/.test(name))) {
      tools.set(tool.name, toFoundTool(tool));
    }
    cursor = answer.nextCursor;
    if (cursor === undefined) {
      const own = ownTools(client, new Set(tools.keys()));
      return { server_info, tools: [...tools.values(), ...own] };
    }
    if (tools.size > MAX_TOOLS || page >= MAX_PAGES) {
      throw new Error(`it offers more than ${MAX_TOOLS} tools`);
    }
  }
}

function toFoundTool(tool: Tool): FoundTool {
  const { name, title, description, inputSchema, outputSchema, annotations, execution } = tool;
  const said = canonicalJson({
    name,
    title,
    description,
    inputSchema,
    outputSchema,
    annotations,
    execution,
  });
  const digest = createHash('sha256').update(said).digest('hex');
  const fault =
    faultOf(said) ??
    (execution?.taskSupport === 'required'
      ? 'it only works as a task, which is not supported'
      : null) ??
    schemaFault(inputSchema as JsonObject);
  const text = description ?? title ?? '';
  return {
    name,
    digest,
    fault,
    description: fault ? '' : text,
    parameters: fault ? {} : (withoutPatterns(inputSchema as JsonObject) as JsonObject),
    annotations: fault ? {} : hints(annotations),
    // JSON escapes control characters, so they are searched in the unescaped text
    hides_something: HIDDEN.test(text) || HIDDEN.test(unescapeJson(said)),
  };
}

/**
 * Returns the annotations of the server without `protocol`, which only tools of Howdah may have
 * (resource-tools.ts).
 */
function hints(annotations: Tool['annotations']): JsonObject {
  const { protocol: _, ...said } = parseJson(JSON.stringify(annotations ?? {})) as JsonObject;
  return said;
}

function faultOf(said: string): string | null {
  const bytes = Buffer.byteLength(said);
  if (bytes > MAX_TOOL_BYTES) {
    return `its description by the server has ${bytes} bytes, but at most ${MAX_TOOL_BYTES} are stored`;
  }
  // a backslash behind another one is text, and no escape
  return /(?<!\\)(?:\\\\)*\\(?:u0000|ud[89a-f])/i.test(said)
    ? 'it contains characters that are not allowed in a text'
    : null;
}

/** Replaces the escapes of characters by number. An escaped backslash stays as it is. */
function unescapeJson(json: string): string {
  return json.replaceAll(/\\(?:u([0-9a-f]{4})|.)/gi, (match, code: string | undefined) =>
    code === undefined ? match : String.fromCharCode(Number.parseInt(code, 16)),
  );
}

function shownName(text: string): string {
  return firstCharacters(text, 200).toWellFormed().replaceAll('\u0000', '');
}
