import type { JsonObject } from '../../json/json.ts';
import {
  definedEntries,
  type EntryInputs,
  modelEntry,
  modelOf,
  UNSUPPORTED_KEYS,
} from './entry-inputs.ts';
import { serversOf } from './servers.ts';

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

/**
 * Converts the card of an agent on another server to an inactive entry without its address.
 * References to the agent stay valid, and no run can start. Agent system files cannot describe such
 * an agent yet.
 */
export function writeRemote(inputs: EntryInputs, mission: string | undefined): JsonObject {
  const { fields } = inputs;
  fields.note(
    ['url'],
    'an agent on another server (a2a) is not supported in agent system files: it is imported as inactive',
  );
  for (const key of REMOTE) fields.take(key);
  const entry = definedEntries({
    mission,
    description: fields.text('description'),
    is_active: false,
  });
  fields.leave(UNSUPPORTED_KEYS);
  return entry;
}

const REMOTE = [
  'url',
  'transport',
  'streaming',
  'polling',
  'accepted_output_modes',
  'headers',
  'auth',
  'relative_card_path',
  'request_timeout_seconds',
];
