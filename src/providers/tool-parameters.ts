import type { ToolSchema } from '../contracts/agents/model.ts';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../json/json.ts';

/** Keywords that OpenAI and Anthropic refuse at the top of the parameters of a tool. */
const COMBINING = [
  'anyOf',
  'oneOf',
  'allOf',
  'not',
  'enum',
  'const',
  'if',
  'then',
  'else',
] as const;

/**
 * Returns a tool whose parameters vendors accept: an object with `properties`, which vendors
 * require and MCP does not. Combinations at the top become one object with the properties of all,
 * and stand in the description. Calls are checked against the stored parameters, not these.
 */
export function sendableTool(tool: ToolSchema): ToolSchema {
  const { parameters } = tool;
  const combined = COMBINING.filter((keyword) => Object.hasOwn(parameters, keyword));
  const isAccepted = parameters.type === 'object' && isJsonObject(parameters.properties);
  if (isAccepted && combined.length === 0) return tool;
  const rest = Object.entries(parameters).filter(
    ([keyword]) => !(COMBINING as readonly string[]).includes(keyword),
  );
  const rules = Object.fromEntries(combined.map((keyword) => [keyword, parameters[keyword]]));
  const description =
    combined.length === 0
      ? tool.description
      : `${tool.description}\nThe arguments must satisfy this JSON Schema: ${JSON.stringify(rules)}`;
  const properties = { ...propertiesOf(parameters), ...ownProperties(parameters) };
  return {
    ...tool,
    description,
    parameters: { ...Object.fromEntries(rest), type: 'object', properties },
  };
}

function ownProperties({ properties }: JsonObject): JsonObject {
  return isJsonObject(properties) ? properties : {};
}

/** Returns the properties in the combinations at the top of a schema. */
function propertiesOf(schema: JsonSchema): JsonObject {
  const branches = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((all: Json | undefined) =>
    Array.isArray(all) ? all.filter(isJsonObject) : [],
  );
  return Object.assign({}, ...branches.toReversed().map(ownProperties));
}
