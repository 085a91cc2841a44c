import type { JsonObject } from '../../json/json.ts';
import {
  definedEntries,
  type EntryInputs,
  modelEntry,
  modelOf,
  UNSUPPORTED_KEYS,
} from './entry-inputs.ts';
import { isPlainValue, serversOf } from './servers.ts';

const OF_AGENTS: Readonly<Record<string, string>> = {
  ...UNSUPPORTED_KEYS,
  cwd: 'agents have no shell in Howdah',
  harness_tools: 'they control fast-agent itself',
  history_merge_target: 'a sub-agent has its own history',
  history_source: 'a sub-agent has its own history',
  max_display_instances: 'it controls the display of fast-agent',
  max_parallel: 'the workers set the number of concurrent runs',
  subagent_model: 'it is not supported',
  subagents: 'an agent cannot delegate to copies of itself: list other agents under agents',
  tool_input_schema: 'an agent used as a tool takes a message',
  trim_tool_history: 'context_policy limits the context of a model',
  variables: 'they are not filled in by Howdah',
};

/** Converts the card of an agent to an entry. */
export function writeAgent(inputs: EntryInputs, mission: string | undefined): JsonObject {
  const { fields } = inputs;
  const { max_steps, use_history, output_schema, ...model } = modelOf(inputs);
  const remembers = fields.flag('use_history') ?? use_history;
  const entry = definedEntries({
    mission,
    description: fields.text('description'),
    ...modelEntry(model),
    ...children(inputs),
    ...serversOf(fields, inputs.servers),
    budget: max_steps === undefined ? undefined : { max_steps },
    use_history: remembers === false ? false : undefined,
    human_input: fields.flag('human_input') ? true : undefined,
    output_schema,
  });
  if (mission === undefined)
    fields.note(
      [],
      'it has no instruction, and the default instruction of fast-agent is not imported',
    );
  fields.leave(OF_AGENTS);
  return entry;
}

/**
 * Returns the agents and workflows that the agent may delegate to, by name or with their time
 * limit.
 */
function children({ fields, refer }: EntryInputs): JsonObject {
  const names = fields.names('agents');
  const seconds = fields.number('child_timeout_sec');
  const budget =
    seconds !== undefined && seconds > 0 ? { max_seconds: Math.ceil(seconds) } : undefined;
  const found = names.map((name, at) => ({ name, kind: refer(['agents', at], name) }));
  const under = (wanted: 'agent' | 'workflow') => {
    const own = [...new Set(found.filter(({ kind }) => kind === wanted).map(({ name }) => name))];
    if (own.length === 0) return undefined;
    return budget ? Object.fromEntries(own.map((name) => [name, { budget }])) : own;
  };
  return definedEntries({ agents: under('agent'), workflows: under('workflow') });
}

const OF_REMOTE_AGENTS: Readonly<Record<string, string>> = {
  ...UNSUPPORTED_KEYS,
  auth: 'a bearer key is a secret in Howdah: run howdah admin secret set NAME, and set secret_name',
  polling: 'the card of the agent says whether it streams',
  request_timeout_seconds: 'max_seconds in budget limits a run',
  streaming: 'the card of the agent says whether it streams',
  transport: 'the card of the agent names its transports',
};

/**
 * Converts the card of an agent on another server to an entry with the engine `a2a`. Without a URL,
 * or without its keys, the agent is imported as inactive, so that references to it stay valid.
 */
export function writeRemote(inputs: EntryInputs, mission: string | undefined): JsonObject {
  const { fields } = inputs;
  const url = urlOf(inputs);
  const { headers, isWhole } = headersOf(inputs);
  const modes = fields.names('accepted_output_modes');
  const isComplete = isWhole && url !== undefined && !fields.has('auth');
  const entry = definedEntries({
    mission,
    description: fields.text('description'),
    engine: url === undefined ? undefined : 'a2a',
    engine_configuration:
      url === undefined
        ? undefined
        : definedEntries({
            url,
            headers,
            accepted_output_modes: modes.length > 0 ? modes : undefined,
          }),
    is_active: isComplete ? undefined : false,
  });
  fields.leave(OF_REMOTE_AGENTS);
  return entry;
}

/** Returns the address of the agent, or of its card where the card has a path of its own. */
function urlOf({ fields }: EntryInputs): string | undefined {
  const text = fields.text('url');
  const path = fields.text('relative_card_path');
  const base = text === undefined ? null : URL.parse(text);
  if (!base || !/^https?:$/.test(base.protocol) || /[?#@]/.test(base.href)) {
    fields.note(
      ['url'],
      'an agent on another server needs an HTTP address without a key or a query: it is imported as inactive',
    );
    return undefined;
  }
  if (path === undefined) return text;
  return new URL(path.replace(/^\//, ''), base.href.replace(/\/?$/, '/')).href;
}

/** Returns the headers without keys. `isWhole` is false if a key was left out. */
function headersOf({ card, fields }: EntryInputs) {
  const headers: JsonObject = {};
  let isWhole = true;
  for (const [name, value] of Object.entries(fields.object('headers') ?? {})) {
    if (isPlainValue(name, value)) {
      headers[name] = String(value);
      continue;
    }
    isWhole = false;
    const secret = `${card.name}_key`.toLowerCase().replaceAll(/[^a-z0-9_]/g, '_');
    fields.note(
      ['headers', name],
      `headers.${name}: keys are not imported; run howdah admin secret set ${secret}, and set secret_name: ${secret} in its engine_configuration; it is imported as inactive`,
    );
  }
  return { headers: Object.keys(headers).length > 0 ? headers : undefined, isWhole };
}
