import type { JsonObject } from '../../json/json.ts';
import type { Fields } from './fields.ts';
import type { ModelChoice, Models } from './models.ts';
import type { Card, Findings, Project } from './project.ts';
import { keyAdvice } from './read-settings.ts';
import { type RequestParams, requestParamsOf } from './request-params.ts';
import type { Servers } from './servers.ts';

/** The kind of entry that a card becomes. */
export type Kind = 'agent' | 'workflow';

/** The inputs of an entry. */
export type EntryInputs = {
  card: Card;
  fields: Fields;
  project: Project;
  findings: Findings;
  models: Models;
  servers: Servers;
  /**
   * Returns what the card of this name becomes. Reports a fault and returns undefined when there is
   * none.
   */
  refer(path: readonly (string | number)[], name: string): Kind | undefined;
};

/** Keys that cards of any type may have and that have no counterpart, with the reason. */
export const UNSUPPORTED_KEYS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['servers', 'tools'].map((key) => [key, 'only agents have MCP servers in Howdah']),
  ),
  ...Object.fromEntries(
    ['resources', 'prompts'].map((key) => [
      key,
      'agents use resources and prompts of an MCP server by read_resource and get_prompt',
    ]),
  ),
  mcp_connect: 'servers are read from mcp.servers in the configuration',
  ...Object.fromEntries(
    ['function_tools', 'tool_hooks', 'lifecycle_hooks', 'commands'].map((key) => [
      key,
      'it is Python, which is not executed',
    ]),
  ),
  messages: 'conversations belong to sessions, not to agents',
  save_trajectory: 'every run is logged',
  shell: 'agents have no shell in Howdah',
  skills: 'skills of fast-agent are not imported',
};

/**
 * Returns the model of a card with the parameters of its requests, and the other settings of its
 * request_params.
 */
export function modelOf({
  card,
  fields,
  models,
  findings,
}: EntryInputs): RequestParams & ModelChoice {
  const section = fields.object('request_params');
  const said = section
    ? requestParamsOf(card, section, findings)
    : ({ request_params: {} } satisfies RequestParams);
  const key = said.model === undefined ? ['model'] : ['request_params', 'model'];
  const named = fields.text('model');
  const choice = models.choose(said.model ?? named, (message) => fields.note(key, message));
  if (fields.take('api_key') !== undefined) {
    fields.note(['api_key'], keyAdvice('api_key', choice.vendor ?? 'openai'));
  }
  const { model: _, ...rest } = said;
  const request_params = { ...choice.request_params, ...said.request_params };
  return { ...rest, ...(choice.model !== undefined && { model: choice.model }), request_params };
}

/**
 * Returns the model and the parameters of its requests as part of an entry. Empty values are left
 * out.
 */
export function modelEntry({ model, request_params }: ModelChoice): JsonObject {
  if (model === undefined) return {};
  return { model, ...(Object.keys(request_params).length > 0 && { request_params }) };
}

/** Removes the keys without a value. */
export function definedEntries(
  entry: Readonly<Record<string, JsonObject[string] | undefined>>,
): JsonObject {
  return Object.fromEntries(
    Object.entries(entry).filter(([, value]) => value !== undefined),
  ) as JsonObject;
}
