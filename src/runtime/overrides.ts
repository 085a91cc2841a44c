import type { AgentDefinition, Overrides } from '../contracts/definition.ts';
import { isJsonObject, type JsonObject } from '../contracts/json.ts';
import type { ClaimedRun } from '../db/runs.ts';
import { undoing } from './strategies/compensation.ts';

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
  return is_compensation ? undoing(definition) : overridden(definition, overrides);
}

function overridden(definition: AgentDefinition, overrides: Overrides | null): AgentDefinition {
  if (!overrides) {
    return definition;
  }
  const { mission_override, allowed_tools, suppress_markdown } = overrides;
  const { agent, tools } = definition;
  const mission = mission_override ?? agent.instruction;
  const { prompt_fault: _, ...unprompted } = agent;
  return {
    ...definition,
    agent: {
      ...(mission_override === undefined ? agent : unprompted),
      instruction: suppress_markdown ? `${mission}\n\n${PLAIN}`.trim() : mission,
    },
    tools: tools.filter(({ name }) => allowed_tools?.includes(name) ?? true),
  };
}
