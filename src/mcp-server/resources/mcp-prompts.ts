import type {
  ContentBlock,
  GetPromptResult,
  ListPromptsResult,
} from '@modelcontextprotocol/server';
import { HowdahError } from '../../contracts/errors.ts';
import type { PoolClient } from '../../db/connection/pool.ts';
import {
  findPrompt,
  listPrompts,
  type PromptRow,
  renderPrompt,
} from '../../db/mcp/offered-tools.ts';
import type { AddressedFile } from '../../db/mcp/resources.ts';
import type { Json, JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { Caller } from '../caller.ts';
import { fileOf } from './resource-addresses.ts';
import { contentsOf } from './result-content.ts';

const PROMPTS_PER_PAGE = 200;

/**
 * Lists the prompts of the tenant, with their variables as arguments. The cursor is the last name
 * of the page before.
 */
export async function listMcpPrompts(caller: Caller, cursor?: string): Promise<ListPromptsResult> {
  const rows = await caller.transact((client) => listPrompts(client, cursor, PROMPTS_PER_PAGE + 1));
  const page = rows.slice(0, PROMPTS_PER_PAGE);
  const prompts = page.map(({ name, description, variables }) => ({
    name,
    ...(description !== '' && { description }),
    arguments: Object.entries(variables).map(([variable, schema]) => ({
      name: variable,
      ...(typeof schema.description === 'string' && { description: schema.description }),
      required: schema.default === undefined,
    })),
  }));
  const isMore = rows.length > PROMPTS_PER_PAGE;
  return { prompts, ...(isMore && { nextCursor: page.at(-1)?.name }) };
}

/**
 * Returns the text of a prompt as a message of the user, after the resources that its arguments
 * name. Throws the errors of SQL.
 */
export async function fillPrompt(
  caller: Caller,
  name: string,
  values: Readonly<Record<string, string>> = {},
): Promise<GetPromptResult> {
  const { row, text, files } = await caller.transact(async (client) => {
    const found = await findPrompt(client, name);
    const rendered = await renderPrompt(client, name, parseArguments(found, values));
    return { row: found, text: rendered, files: await readNamedFiles(client, found, values) };
  });
  return {
    ...(row.description !== '' && { description: row.description }),
    messages: [...files, { role: 'user', content: { type: 'text', text } }],
  };
}

/**
 * The format of a variable that is the address of a resource. The content of the resource goes
 * along with the prompt.
 */
const RESOURCE_FORMAT = 'resource';

/** Returns the files that variables name, each as a message before the text. */
async function readNamedFiles(
  client: PoolClient,
  { variables }: PromptRow,
  values: Readonly<Record<string, string>>,
): Promise<GetPromptResult['messages']> {
  const messages: GetPromptResult['messages'] = [];
  for (const [variable, schema] of Object.entries(variables)) {
    const uri = values[variable] ?? schema.default;
    if (schema.format !== RESOURCE_FORMAT || typeof uri !== 'string') continue;
    const file = await fileOf(client, uri);
    if (!file) throw noResource(variable, uri);
    messages.push({ role: 'user', content: messageOf(uri, file) });
  }
  return messages;
}

function messageOf(uri: string, file: AddressedFile): ContentBlock {
  const [, kind] = /^(image|audio)\//.exec(file.type) ?? [];
  const contents = contentsOf(file);
  return (kind === 'image' || kind === 'audio') && 'blob' in contents
    ? { type: kind, data: contents.blob, mimeType: file.type }
    : { type: 'resource', resource: { uri, mimeType: file.type, ...contents } };
}

function noResource(variable: string, uri: string): HowdahError {
  return new HowdahError('HWNTF', `${variable}: there is no resource ${uri.slice(0, 200)}`, {
    hint: 'Call resources/list for the known resources.',
    detail: { field: variable },
  });
}

/**
 * Converts the arguments of a prompt, which are texts in the protocol. A number or a boolean is
 * parsed from its text.
 */
function parseArguments(
  { variables }: PromptRow,
  values: Readonly<Record<string, string>>,
): JsonObject {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      variables[name] && variables[name].type !== 'string' ? jsonOr(value) : value,
    ]),
  );
}

function jsonOr(text: string): Json {
  try {
    return parseJson(text) as Json;
  } catch {
    return text;
  }
}
