import type { LeftOutTool, ToolSchema } from '../../contracts/agents/model.ts';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../json/json.ts';
import { schemaAt } from '../../json/schema-pointer.ts';
import { fitSchema } from './fit-schema.ts';
import type { Fitted, SchemaRules, VendorRules } from './rules.ts';

/** Keywords that vendors refuse at the top of the parameters of a tool. */
export const COMBINING = [
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

const TOOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** The tools of a request as a vendor accepts them, and those that cannot be sent. */
export type FittedTools = { tools: ToolSchema[]; leftOut: LeftOutTool[] };

/**
 * Returns tools whose parameters a vendor accepts. Calls are checked against the stored parameters,
 * not these.
 */
export function fitTools(
  tools: readonly ToolSchema[],
  rules: Pick<VendorRules, 'tools' | 'strict' | 'toolNames'>,
  isStrict = false,
): FittedTools {
  const fitted: FittedTools = { tools: [], leftOut: [] };
  for (const tool of tools) {
    const sendable = sendableTool(tool, rules, isStrict);
    if (sendable.ok) fitted.tools.push(sendable.value);
    else fitted.leftOut.push({ tool: tool.name, reason: sendable.reason });
  }
  return fitted;
}

function sendableTool(
  tool: ToolSchema,
  rules: Pick<VendorRules, 'tools' | 'strict' | 'toolNames'>,
  isStrict: boolean,
): Fitted<ToolSchema> {
  const isNamed = TOOL_NAME.test(tool.name) && (rules.toolNames?.test(tool.name) ?? true);
  if (!isNamed) return { ok: false, reason: 'the vendor does not accept its name' };
  const strict = isStrict && rules.strict ? fitOnce(tool, rules.strict.tools) : undefined;
  return strict?.ok
    ? { ok: true, value: { ...strict.value, is_strict: true } }
    : fitOnce(tool, rules.tools);
}

/** The results by parameters, since the parameters of a pinned version are one object. */
const fittedTools = new WeakMap<JsonSchema, FittedByRules>();
type FittedByRules = Map<SchemaRules, { tool: ToolSchema; fitted: Fitted<ToolSchema> }>;

/** Returns the result of `fitTool`, which each request of a run needs again. */
function fitOnce(tool: ToolSchema, rules: SchemaRules): Fitted<ToolSchema> {
  const known: FittedByRules = fittedTools.get(tool.parameters) ?? new Map();
  fittedTools.set(tool.parameters, known);
  const before = known.get(rules);
  const isSame = before?.tool.name === tool.name && before.tool.description === tool.description;
  if (before !== undefined && isSame) return before.fitted;
  const fitted = fitTool(tool, rules);
  known.set(rules, { tool, fitted });
  return fitted;
}

/** Returns a tool with parameters that a vendor accepts. */
function fitTool(tool: ToolSchema, rules: SchemaRules): Fitted<ToolSchema> {
  const root = toObject(tool);
  if (!root.ok) return root;
  const parameters = fitSchema(root.value.parameters, rules);
  return parameters.ok
    ? { ok: true, value: { ...root.value, parameters: parameters.value } }
    : parameters;
}

/**
 * Returns a tool whose parameters are an object with `properties`, which vendors require and MCP
 * does not. Combinations at the top become one object with the properties of all, and stand in the
 * description.
 */
function toObject(tool: ToolSchema): Fitted<ToolSchema> {
  const parameters = followRef(tool.parameters);
  const { type } = parameters;
  const isObject = type === undefined || type === 'object';
  if (!isObject && !(Array.isArray(type) && type.includes('object'))) {
    return { ok: false, reason: 'its parameters are no object' };
  }
  const combined = COMBINING.filter((keyword) => Object.hasOwn(parameters, keyword));
  if (type === 'object' && isJsonObject(parameters.properties) && combined.length === 0) {
    return { ok: true, value: parameters === tool.parameters ? tool : { ...tool, parameters } };
  }
  const rest = Object.entries(parameters).filter(
    ([keyword]) => !(COMBINING as readonly string[]).includes(keyword),
  );
  const rules = Object.fromEntries(combined.map((keyword) => [keyword, parameters[keyword]]));
  const description =
    combined.length === 0
      ? tool.description
      : `${tool.description}\nThe arguments must satisfy this JSON Schema: ${JSON.stringify(rules)}`.trimStart();
  const properties = { ...propertiesOf(parameters), ...ownProperties(parameters) };
  const value: JsonSchema = { ...Object.fromEntries(rest), type: 'object', properties };
  return { ok: true, value: { ...tool, description, parameters: value } };
}

/** Most references that are followed from the top of a schema. */
const MAX_REFS = 20;

/** Replaces a reference at the top of a schema by what it refers to. */
export function followRef(schema: JsonSchema, root: JsonSchema = schema): JsonSchema {
  let followed = schema;
  for (let n = 0; n < MAX_REFS && typeof followed.$ref === 'string'; n += 1) {
    const { $ref, ...rest } = followed;
    const target = $ref === '#' ? undefined : schemaAt(root, $ref as string);
    if (!isJsonObject(target)) return followed;
    followed = { ...target, ...rest };
  }
  return followed;
}

function ownProperties({ properties }: JsonObject): JsonObject {
  return isJsonObject(properties) ? properties : {};
}

/** Returns the properties in the combinations at the top of a schema. */
function propertiesOf(schema: JsonSchema): JsonObject {
  const branches = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((all: Json | undefined) =>
    Array.isArray(all) ? all.filter(isJsonObject) : [],
  );
  const properties = branches.map((one) => ownProperties(followRef(one, schema)));
  return Object.fromEntries(properties.toReversed().flatMap((one) => Object.entries(one)));
}
