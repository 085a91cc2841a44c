import { createHash } from 'node:crypto';
import type { Client, RequestOptions } from '@modelcontextprotocol/client';
import type { ToolOutcome } from '../../../contracts/agents/tool.ts';
import { canonicalJson } from '../../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../../json/json.ts';
import type { FoundTool } from '../server.ts';
import { entriesOf } from '../transport/loose-results.ts';
import { isGiven, namedEntry, textIn } from './entries.ts';
import { allContent, type ResultOptions } from './result.ts';

/**
 * A tool for the resources or prompts of a server. Its description is written here, so the server
 * cannot change it.
 */
type OwnTool = {
  name: string;
  description: string;
  parameters: JsonObject;
  /** The method of the protocol that the tool calls. By the protocol, the method only reads. */
  protocol: string;
  run(
    client: Client,
    args: JsonObject,
    options: RequestOptions,
    resultOptions: ResultOptions,
  ): Promise<string>;
};

const MAX_PAGES = 10;
const MAX_LISTED = 500;
const NO_ARGUMENTS = { type: 'object', properties: {}, additionalProperties: false };

const RESOURCES: readonly OwnTool[] = [
  {
    name: 'list_resources',
    description:
      'Lists what this server can be asked to read: resources by their uri, and templates of uris with {variables} to fill in.',
    parameters: NO_ARGUMENTS,
    protocol: 'resources/list',
    run: async (client, _args, options) => {
      const resources = await listPages((cursor) =>
        client
          .request({ method: 'resources/list', params: at(cursor) }, options)
          .then((page) => ({ items: entriesOf(page, 'resources'), next: page.nextCursor })),
      );
      const templates = await listPages((cursor) =>
        client
          .request({ method: 'resources/templates/list', params: at(cursor) }, options)
          .then((page) => ({ items: entriesOf(page, 'resourceTemplates'), next: page.nextCursor })),
      ).catch(() => []); // some servers have no templates
      return JSON.stringify({
        resources: resources.map((one, at) => describeEntry(one, at, 'uri', 'uri')),
        templates: templates.map((one, at) =>
          describeEntry(one, at, 'uriTemplate', 'uri_template'),
        ),
      });
    },
  },
  {
    name: 'read_resource',
    description:
      'Reads a resource of this server by its uri. What is no text or long is kept as a file.',
    parameters: {
      type: 'object',
      properties: { uri: { type: 'string', minLength: 1, maxLength: 4000 } },
      required: ['uri'],
      additionalProperties: false,
    },
    protocol: 'resources/read',
    run: async (client, args, options, resultOptions) => {
      const uri = String(args.uri);
      const result = await client.request({ method: 'resources/read', params: { uri } }, options);
      const parts = await allContent(
        entriesOf(result, 'contents').map((resource) => ({ type: 'resource', resource })),
        resultOptions,
      );
      return parts.join('\n') || '[nothing]';
    },
  },
];

const PROMPTS: readonly OwnTool[] = [
  {
    name: 'list_prompts',
    description: 'Lists the prompts this server has, with the arguments each takes.',
    parameters: NO_ARGUMENTS,
    protocol: 'prompts/list',
    run: async (client, _args, options) => {
      const prompts = await listPages((cursor) =>
        client
          .request({ method: 'prompts/list', params: at(cursor) }, options)
          .then((page) => ({ items: entriesOf(page, 'prompts'), next: page.nextCursor })),
      );
      return JSON.stringify({ prompts: prompts.map(describePrompt) });
    },
  },
  {
    name: 'get_prompt',
    description: 'Gives a prompt of this server, filled in with the arguments.',
    parameters: {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 1, maxLength: 200 },
        arguments: { type: 'object', additionalProperties: { type: 'string' } },
      },
      required: ['name'],
      additionalProperties: false,
    },
    protocol: 'prompts/get',
    run: async (client, args, options, resultOptions) => {
      const params = {
        name: String(args.name),
        arguments: (args.arguments ?? {}) as Record<string, string>,
      };
      const result = await client.request({ method: 'prompts/get', params }, options);
      const messages = entriesOf(result, 'messages').map((one) => (isJsonObject(one) ? one : {}));
      const parts = await allContent(
        messages.map(({ content }) => content ?? null),
        resultOptions,
      );
      return parts.map((part, at) => `${messages[at]?.role}: ${part}`).join('\n\n');
    },
  },
];

/** Describes a resource or a template. An odd entry has a fault in the place of its address. */
function describeEntry(entry: Json, at: number, address: string, shown: string): JsonObject {
  const found = isJsonObject(entry) ? entry : {};
  const uri = textIn(found, address);
  if (uri === undefined) return { fault: `entry ${at + 1} has no ${address}` };
  const description = textIn(found, 'description');
  const type = textIn(found, 'mimeType');
  return {
    [shown]: uri,
    name: textIn(found, 'name') ?? textIn(found, 'title') ?? uri,
    ...(description === undefined ? {} : { description }),
    ...(type === undefined ? {} : { type }),
  };
}

function describePrompt(entry: Json, at: number): JsonObject {
  const named = namedEntry(entry, at);
  if (!named.ok) return { fault: `entry ${at + 1}: ${named.fault}` };
  const description = textIn(named.value.entry, 'description');
  const args = named.value.entry.arguments;
  return {
    name: named.value.name,
    ...(description === undefined ? {} : { description }),
    arguments: (Array.isArray(args) ? args : []).filter(isJsonObject).map((one) => ({
      ...('name' in one ? { name: one.name as Json } : {}),
      ...(isGiven(one.description) ? { description: one.description } : {}),
      required: one.required === true,
    })),
  };
}

const at = (cursor: string | undefined) => (cursor === undefined ? {} : { cursor });

async function listPages<T>(
  page: (cursor: string | undefined) => Promise<{ items: T[]; next: string | undefined }>,
): Promise<T[]> {
  const all: T[] = [];
  let cursor: string | undefined;
  for (let n = 0; n < MAX_PAGES && all.length < MAX_LISTED; n += 1) {
    const { items, next } = await page(cursor);
    all.push(...items);
    cursor = next;
    if (cursor === undefined) break;
  }
  return all.slice(0, MAX_LISTED);
}

/**
 * Returns the tools for the capabilities of the server, except names that the server's own tools
 * use.
 */
export function ownTools(client: Client, taken: ReadonlySet<string>): FoundTool[] {
  const { resources, prompts } = client.getServerCapabilities() ?? {};
  const all = [...(resources ? RESOURCES : []), ...(prompts ? PROMPTS : [])];
  return all.filter(({ name }) => !taken.has(name)).map(toFoundTool);
}

function toFoundTool({ name, description, parameters, protocol }: OwnTool): FoundTool {
  // without the description, which may be improved later
  const said = canonicalJson({ name, parameters, protocol });
  return {
    name,
    description,
    parameters,
    annotations: { readOnlyHint: true, protocol },
    digest: createHash('sha256').update(said).digest('hex'),
    fault: null,
    remark: null,
    hides_something: false,
  };
}

/**
 * Returns the own tool with this name and digest. A tool of the server with the same name has
 * another digest.
 */
export function ownToolOf(name: string, digest: string | undefined): OwnTool | undefined {
  return [...RESOURCES, ...PROMPTS].find(
    (tool) => tool.name === name && toFoundTool(tool).digest === digest,
  );
}

export async function callOwnTool(
  tool: OwnTool,
  client: Client,
  args: JsonObject,
  options: RequestOptions,
  resultOptions: ResultOptions,
): Promise<ToolOutcome> {
  return { ok: true, value: await tool.run(client, args, options, resultOptions) };
}
