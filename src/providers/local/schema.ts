import type { ToolSchema } from '../../contracts/agents/model.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';
import { stem, words } from './words.ts';

/** A parameter of a tool, as far as the local model reads a schema. */
export type Parameter = {
  name: string;
  /** The stems of its name. */
  stems: string[];
  type: string;
  required: boolean;
  schema: JsonObject;
};

/** Stems that mark a parameter as an identifier without naming its entity: `id` of `order_id`. */
const GENERIC = new Set([
  'id',
  'number',
  'no',
  'nr',
  'num',
  'code',
  'key',
  'ref',
  'reference',
  'uuid',
  'sku',
]);
/** Stems of parameters that take a question unchanged. */
const TEXT = new Set(
  `query question text message input prompt q search keyword term topic request task content description problem`
    .split(' ')
    .map(stem),
);
const CODE_TOOL = new Set(['sql', 'code', 'python', 'javascript', 'shell', 'bash']);

export function parametersOf(tool: ToolSchema): Parameter[] {
  const { properties, required } = tool.parameters;
  if (!isJsonObject(properties)) return [];
  const needed = Array.isArray(required) ? required : [];
  return Object.entries(properties).map(([name, schema]) => ({
    name,
    stems: words(name).map(stem),
    type: typeOf(schema),
    required: needed.includes(name),
    schema: isJsonObject(schema) ? schema : {},
  }));
}

function typeOf(schema: Json): string {
  if (!isJsonObject(schema)) return 'string';
  const variants = schema.anyOf ?? schema.oneOf;
  const type = Array.isArray(schema.type) ? schema.type : [schema.type];
  const named = type.find((one) => typeof one === 'string' && one !== 'null');
  if (typeof named === 'string') return named;
  if (!Array.isArray(variants)) return 'string';
  return variants.map(typeOf).find((one) => one !== 'null') ?? 'string';
}

export function isIdLike({ stems, schema }: Parameter): boolean {
  return stems.some((one) => GENERIC.has(one)) || schema.format === 'uuid';
}

/**
 * Returns the entity that a parameter identifies: `order` for `order_id`. For a plain `id` the
 * entity comes from the tool's name.
 */
export function entityOf(parameter: Parameter, tool: ToolSchema): string[] {
  const own = parameter.stems.filter((one) => !GENERIC.has(one));
  return own.length > 0 ? own : words(tool.name).map(stem);
}

/**
 * Returns whether a string parameter takes the whole question. A string that is a program never
 * does.
 */
export function takesText(parameter: Parameter, tool: ToolSchema): boolean {
  if (parameter.type !== 'string' || isCodeTool(tool)) return false;
  const { format, pattern, enum: options } = parameter.schema;
  const bound = [format, pattern, options, parameter.schema.const].some((one) => one !== undefined);
  return !bound && parameter.stems.some((one) => TEXT.has(one));
}

export function isCodeTool(tool: ToolSchema): boolean {
  return words(tool.name).some((word) => CODE_TOOL.has(word));
}

export function enumOf({ schema }: Parameter): string[] {
  const options = Array.isArray(schema.enum) ? schema.enum : [];
  return options.filter((one) => typeof one === 'string');
}
