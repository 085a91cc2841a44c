import { createHash } from 'node:crypto';
import type { Client } from '@modelcontextprotocol/client';
import { canonicalJson } from '../../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import { schemaFormFault } from '../../../json/schema-fault.ts';
import { firstCharacters } from '../../../text/truncate.ts';
import type { FoundTool, Listing } from '../server.ts';
import { entriesOf } from '../transport/loose-results.ts';
import { digestOf, isGiven, namedEntry, namesOfOddTexts, objectIn, textIn } from './entries.ts';
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
  let listed = 0;
  for (let page = 0; ; page += 1) {
    const params = cursor === undefined ? {} : { cursor };
    const request = { method: 'tools/list' as const, params };
    const answer = await client.request(request, { signal });
    for (const entry of entriesOf(answer, 'tools')) {
      addTool(tools, readSafely(entry, listed), listed);
      listed += 1;
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

/** Adds a tool. A later tool of the same name is listed beside it, and cannot be called. */
function addTool(tools: Map<string, FoundTool>, tool: FoundTool, at: number): void {
  const before = tools.get(tool.name);
  if (before === undefined || before.fault !== null) {
    tools.set(tool.name, tool);
    return;
  }
  const name = `${firstCharacters(tool.name, 400)} (entry ${at + 1})`;
  tools.set(name, { ...withoutUse(tool, 'another tool of the server has the same name'), name });
}

/** Reads the entry of one tool, whatever it contains. */
function readSafely(entry: Json, at: number): FoundTool {
  try {
    return readTool(entry, at);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const name = `(entry ${at + 1})`; // it has too many levels for the stack
    return { ...EMPTY, name, digest: digestOf({ name }), fault: 'its entry has too many levels' };
  }
}

/** Reads the entry of one tool. An odd entry has a fault, and no other entry suffers from it. */
function readTool(entry: Json, at: number): FoundTool {
  const named = namedEntry(entry, at);
  if (!named.ok) {
    const { name, fault } = named;
    return { ...EMPTY, name, fault, digest: digestOf({ entry }) };
  }
  const { name, entry: given } = named.value;
  const description = textIn(given, 'description');
  const title = textIn(given, 'title');
  const said = canonicalJson(describedTool(given, name));
  const text = description ?? title ?? '';
  const tool = {
    name,
    digest: createHash('sha256').update(said).digest('hex'),
    // JSON escapes control characters, so they are searched in the unescaped text
    hides_something: HIDDEN.test(text) || HIDDEN.test(unescapeJson(said)),
  };
  const schema = objectIn(given, 'inputSchema') ?? {};
  const parameters = withoutPatterns({ type: 'object', ...schema }) as JsonObject;
  const fault = faultOf(said) ?? inputFault(given) ?? schemaFault(schema) ?? formFault(parameters);
  if (fault !== null) return { ...EMPTY, ...tool, fault };
  return {
    ...tool,
    fault,
    remark: remarkOn(given),
    description: text,
    parameters,
    annotations: hints(objectIn(given, 'annotations')),
  };
}

/** The fields of a tool that nothing can be said about. */
const EMPTY = {
  description: '',
  parameters: {},
  annotations: {},
  remark: null,
  hides_something: false,
};

function withoutUse({ name, digest }: FoundTool, fault: string): FoundTool {
  return { ...EMPTY, name, digest, fault };
}

/** The annotations that the protocol knows. */
const HINTS = ['title', 'readOnlyHint', 'destructiveHint', 'idempotentHint', 'openWorldHint'];

/** Returns what the digest of a tool is made of. Members that are null count as absent. */
function describedTool(given: JsonObject, name: string): object {
  const { title, description, inputSchema, outputSchema, annotations, execution } = given;
  return {
    name,
    title: title ?? undefined,
    description: description ?? undefined,
    inputSchema: inputSchema ?? undefined,
    outputSchema: outputSchema ?? undefined,
    annotations: isJsonObject(annotations) ? membersOf(annotations, HINTS) : undefined,
    execution: isJsonObject(execution) ? membersOf(execution, ['taskSupport']) : undefined,
  };
}

function membersOf(object: JsonObject, names: readonly string[]): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => names.includes(name)));
}

/** Returns why a tool cannot be called with arguments. */
function inputFault({ inputSchema, execution }: JsonObject): string | null {
  if (isJsonObject(execution) && execution.taskSupport === 'required') {
    return 'it only works as a task, which is not supported';
  }
  if (!isGiven(inputSchema)) return 'it has no inputSchema';
  if (!isJsonObject(inputSchema)) return 'its inputSchema is no object';
  const { type } = inputSchema;
  if (isGiven(type) && type !== 'object') {
    return `its inputSchema has the type ${firstCharacters(JSON.stringify(type), 100)}, and must have the type object`;
  }
  return null;
}

function formFault(parameters: JsonObject): string | null {
  const fault = schemaFormFault(parameters);
  return fault === null ? null : `its inputSchema is not valid: ${fault}`;
}

/** Returns what is odd about a tool that can be called nevertheless. */
function remarkOn(given: JsonObject): string | null {
  const { outputSchema, annotations } = given;
  const odd = namesOfOddTexts(given, ['title', 'description']).map(
    (name) => `its ${name} is no text`,
  );
  if (isGiven(annotations) && !isJsonObject(annotations)) odd.push('its annotations are no object');
  const fault = isGiven(outputSchema) ? outputFault(outputSchema) : null;
  if (fault !== null)
    odd.push(`its outputSchema ${fault}, so its results are not checked against it`);
  return odd.length === 0 ? null : odd.join('; ');
}

function outputFault(schema: Json): string | null {
  if (!isJsonObject(schema)) return 'is no object';
  if (schema.type !== 'object') return 'does not have the type object';
  const fault = schemaFormFault(schema);
  return fault === null ? null : `is not valid (${fault})`;
}

/**
 * Returns the annotations that the protocol knows. Only tools of Howdah may have others
 * (resource-tools.ts).
 */
function hints(annotations: JsonObject = {}): JsonObject {
  return membersOf(annotations, HINTS);
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
