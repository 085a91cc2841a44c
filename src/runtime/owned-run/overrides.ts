import type {
  AgentDefinition,
  ClientTool,
  Overrides,
  ToolDefinition,
} from '../../contracts/agents/definition.ts';
import type { ClaimedRun } from '../../db/runs/runs.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';

/** What the configuration of a tool or member says of the run it begins. */
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

/** A pinned definition as this run has it. */
export function definitionFor(
  { is_compensation, overrides }: Pick<ClaimedRun, 'is_compensation' | 'overrides'>,
  definition: AgentDefinition,
): AgentDefinition {
  return is_compensation ? compensating(definition) : overridden(definition, overrides);
}

function overridden(definition: AgentDefinition, overrides: Overrides | null): AgentDefinition {
  if (!overrides) {
    return definition;
  }
  const { mission_override, allowed_tools, suppress_markdown, client_tools = [] } = overrides;
  const { agent } = definition;
  const models = overrides.model ? [overrides.model] : definition.models;
  const tools = definition.tools.filter(({ name }) => allowed_tools?.includes(name) ?? true);
  const taken = new Set(tools.flatMap(({ name, aliases }) => [name, ...aliases]));
  const mission = mission_override ?? agent.instruction;
  const { prompt_fault: _, ...unprompted } = agent;
  return {
    ...definition,
    agent: {
      ...(mission_override === undefined ? agent : unprompted),
      instruction: suppress_markdown ? `${mission}\n\n${PLAIN}`.trim() : mission,
    },
    models: models.map((one) => ({
      ...one,
      request_params: { ...one.request_params, ...overrides.request_params },
    })),
    // of an agent the run was handed to, whose tools nobody compared with these, its own come first
    tools: [...tools, ...client_tools.filter(({ name }) => !taken.has(name)).map(ofClient)],
  };
}

/** A client may never come back: then the run ends as expired, and its session goes on. */
const CLIENT_ANSWERS_WITHIN_S = 24 * 60 * 60;

function ofClient({ name, description = '', parameters }: ClientTool): ToolDefinition {
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

/** The definition of a run that takes effects back: its tools are the compensations. */
function compensating(definition: AgentDefinition): AgentDefinition {
  return {
    ...definition,
    tools: definition.tools.flatMap(({ compensation }) => compensation ?? []),
  };
}
