import type { AgentDefinition, PromptDefinition } from '../../contracts/agents/definition.ts';
import { SizeLimitError } from '../../contracts/size-limits.ts';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../json/json.ts';
import { schemaErrors } from '../environment/validate-json.ts';
import { interpolate } from './interpolate.ts';

/**
 * Returns a pinned definition with its prompt filled in for a run, before the agent's own
 * instruction. Values in the run's `input_data` precede those of the agent, which precede defaults.
 * If a value is missing or unfit, the agent has a `prompt_fault` instead. The database fills in by
 * the same rules (sql/10_private/agents/prompts.sql).
 */
export function fillPromptTemplate(definition: AgentDefinition, inputData: Json): AgentDefinition {
  const { prompt, ...agent } = definition.agent;
  if (!prompt) {
    return definition;
  }
  const values = valuesOf(prompt, inputData);
  const faults = schemaErrors(schemaOf(prompt), values);
  if (faults.length > 0) {
    const prompt_fault = `prompt ${prompt.name}: ${faults.join('; ')}`;
    return { ...definition, agent: { ...agent, prompt_fault } };
  }
  const text = filledText(prompt, values);
  if ('fault' in text) return { ...definition, agent: { ...agent, prompt_fault: text.fault } };
  const instruction = [text.value, agent.instruction].filter((part) => part).join('\n\n');
  return { ...definition, agent: { ...agent, instruction } };
}

function filledText(
  { name, template }: PromptDefinition,
  values: JsonObject,
): { value: string } | { fault: string } {
  try {
    return { value: interpolate(template, values) };
  } catch (error) {
    if (!(error instanceof SizeLimitError)) throw error;
    return { fault: `prompt ${name}: ${error.message}` };
  }
}

function valuesOf({ variables, values }: PromptDefinition, inputData: Json): JsonObject {
  const defaults = Object.entries(variables).flatMap(([name, schema]) =>
    schema.default === undefined ? [] : [[name, schema.default]],
  );
  const fromInput = Object.entries(isJsonObject(inputData) ? inputData : {}).filter(
    ([name, value]) => Object.hasOwn(variables, name) && value !== null,
  );
  return { ...Object.fromEntries(defaults), ...values, ...Object.fromEntries(fromInput) };
}

/** One schema for each prompt of a version. Versions are cached, so a schema is compiled once. */
const schemas = new WeakMap<PromptDefinition, JsonSchema>();

function schemaOf(prompt: PromptDefinition): JsonSchema {
  const known = schemas.get(prompt);
  if (known) {
    return known;
  }
  const required = Object.entries(prompt.variables).flatMap(([name, schema]) =>
    schema.default === undefined ? [name] : [],
  );
  const schema = { type: 'object', properties: prompt.variables, required };
  schemas.set(prompt, schema);
  return schema;
}
