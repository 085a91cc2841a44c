import type { JsonObject } from '../../json/json.ts';
import { serversOf } from './servers.ts';
import { LEFT, modelOf, said, sending, type Writing } from './writing.ts';

const OF_AGENTS: Readonly<Record<string, string>> = {
  ...LEFT,
  cwd: 'agents have no shell here',
  harness_tools: 'they steer fast-agent itself',
  history_merge_target: 'a sub-agent has a history of its own',
  history_source: 'a sub-agent has a history of its own',
  max_display_instances: 'it is about how fast-agent shows runs',
  max_parallel: 'how many runs there are at once is up to the workers',
  subagent_model: 'nothing here answers to it',
  subagents: 'an agent has no copies of itself to hand work to: list others under agents',
  tool_input_schema: 'an agent that is a tool takes a message',
  trim_tool_history: 'what a model is shown is bounded by context_policy',
  variables: 'nothing here fills them in',
};

/** Converts the card of an agent to an entry. */
export function writeAgent(writing: Writing, mission: string | undefined): JsonObject {
  const { fields } = writing;
  const { max_steps, use_history, output_schema, ...model } = modelOf(writing);
  const remembers = fields.flag('use_history') ?? use_history;
  const entry = said({
    mission,
    description: fields.text('description'),
    ...sending(model),
    ...children(writing),
    ...serversOf(fields, writing.servers),
    budget: max_steps === undefined ? undefined : { max_steps },
    use_history: remembers === false ? false : undefined,
    human_input: fields.flag('human_input') ? true : undefined,
    output_schema,
  });
  if (mission === undefined)
    fields.note([], 'it has no instruction: that of fast-agent is its own');
  fields.leave(OF_AGENTS);
  return entry;
}

/**
 * Returns the agents and workflows that the agent may delegate to, by name or with their time
 * limit.
 */
function children({ fields, refer }: Writing): JsonObject {
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
  return said({ agents: under('agent'), workflows: under('workflow') });
}

/**
 * Converts the card of an agent on another server to an inactive entry without its address.
 * References to the agent stay valid, and no run can start. Agent system files cannot describe such
 * an agent yet.
 */
export function writeRemote(writing: Writing, mission: string | undefined): JsonObject {
  const { fields } = writing;
  fields.note(
    ['url'],
    'an agent on another server (a2a) is no part of an agent system file yet: it stands there inactive',
  );
  for (const key of REMOTE) fields.take(key);
  const entry = said({ mission, description: fields.text('description'), is_active: false });
  fields.leave(LEFT);
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
