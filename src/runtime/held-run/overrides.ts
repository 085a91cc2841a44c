import type {
  AgentDefinition,
  ClientTool,
  Overrides,
  ToolDefinition,
} from '../../contracts/agents/definition.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';

/**
 * Reads the overrides of a child run from the configuration of the tool or member that starts it.
 */
export function overridesIn(configuration: JsonObject): {
  overrides?: Overrides;
  budget?: JsonObject;
} {
  const { mission_override, allowed_tools, suppress_markdown, ephemeral, budget } = configuration;
  const overrides: Overrides = {
    ...(typeof mission_override === 'string' ? { mission_override } : {}),
    ...(Array.isArray(allowed_tools) ? { allowed_tools: allowed_tools.map(String) } : {}),
    ...(suppress_markdown === true ? { suppress_markdown } : {}),
    ...(ephemeral === false ? { ephemeral } : {}),
  };
  return {
    ...(Object.keys(overrides).length > 0 ? { overrides } : {}),
    ...(isJsonObject(budget ?? null) ? { budget: budget as JsonObject } : {}),
  };
}

const PLAIN = 'Answer in plain text, without Markdown.';

/** Returns a pinned definition with the overrides of this run. */
export function applyOverrides(
  { is_compensation, overrides }: Pick<ClaimedRun, 'is_compensation' | 'overrides'>,
  definition: AgentDefinition,
): AgentDefinition {
  return is_compensation
    ? compensationDefinition(definition)
    : overrideDefinition(definition, overrides);
}

function overrideDefinition(
  definition: AgentDefinition,
  overrides: Overrides | null,
): AgentDefinition {
  if (!overrides) {
    return definition;
  }
  const { mission_override, allowed_tools, suppress_markdown, client_tools = [] } = overrides;
  const { pinned_memories } = overrides;
  const { agent } = definition;
  const models = overrides.model ? [overrides.model] : definition.models;
  const tools = definition.tools.filter(({ name }) => allowed_tools?.includes(name) ?? true);
  const taken = new Set(tools.flatMap(({ name, aliases }) => [name, ...aliases]));
  const mission = mission_override ?? agent.instruction;
  const { prompt_fault: _, ...unprompted } = agent;
  return {
    ...definition,
    ...(pinned_memories && { pinned_memories }),
    agent: {
      ...(mission_override === undefined ? agent : unprompted),
      instruction: suppress_markdown ? `${mission}\n\n${PLAIN}`.trim() : mission,
    },
    models: models.map((one) => ({
      ...one,
      request_params: { ...one.request_params, ...overrides.request_params },
    })),
    // after a handoff the agent's own tools come first: their names were not compared with these
    tools: [
      ...tools,
      ...client_tools.filter(({ name }) => !taken.has(name)).map(clientToolDefinition),
    ],
  };
}

/**
 * The time in which a client has to answer. A client may never return: the run then ends as
 * expired, and its session continues.
 */
const CLIENT_ANSWERS_WITHIN_S = 24 * 60 * 60;

function clientToolDefinition({ name, description = '', parameters }: ClientTool): ToolDefinition {
  return {
    id: '',
    name,
    aliases: [],
    description,
    kind: 'client',
    parameters: parameters ?? { type: 'object', properties: {} },
    configuration: { question: { expires_in_seconds: CLIENT_ANSWERS_WITHIN_S } },
    effect: 'idempotent',
    timeout_ms: 60_000,
    requires_approval: false,
  };
}

/** Returns the definition of a run that reverts effects: its tools are the compensations. */
function compensationDefinition(definition: AgentDefinition): AgentDefinition {
  return {
    ...definition,
    tools: definition.tools.flatMap(({ compensation }) => compensation ?? []),
  };
}
