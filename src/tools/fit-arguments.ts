import { numberIn } from '../json/exact-number.ts';
import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../json/json.ts';
import { parseJson } from '../json/parse-json.ts';

/**
 * Returns arguments as the schema of their tool wants them, where models write them in another way:
 *
 * - the digits of a number as a text: they do so with long ids, which their own JSON would round
 * - null for what is not required and cannot be null: it counts as left out
 * - an object or a list as the text of its JSON
 *
 * Anything else stays as it is, and is checked against the schema.
 */
export function fitArguments(schema: JsonSchema, value: JsonObject): JsonObject {
  return fitValue(schema, value) as JsonObject;
}

function fitValue(schema: Json | undefined, value: Json): Json {
  if (!isJsonObject(schema)) return value;
  if (typeof value === 'string') return fitText(schema, value);
  if (Array.isArray(value)) {
    return isJsonObject(schema.items) ? value.map((one) => fitValue(schema.items, one)) : value;
  }
  if (!isJsonObject(value) || !isJsonObject(schema.properties)) return value;
  const { properties, required } = schema;
  const propertyOf = (name: string) =>
    Object.hasOwn(properties, name) ? properties[name] : undefined;
  const isRequired = (name: string) => Array.isArray(required) && required.includes(name);
  const entries = Object.entries(value).filter(
    ([name, member]) => member !== null || isRequired(name) || acceptsNull(propertyOf(name)),
  );
  return Object.fromEntries(
    entries.map(([name, member]) => [name, fitValue(propertyOf(name), member)]),
  );
}

function fitText(schema: JsonObject, text: string): Json {
  const types = typesOf(schema);
  if (types.includes('string')) return text;
  if (types.includes('integer') || types.includes('number')) return numberIn(text) ?? text;
  if (!types.includes('array') && !types.includes('object')) return text;
  const parsed = jsonIn(text);
  const isFitting = Array.isArray(parsed) ? types.includes('array') : types.includes('object');
  return parsed !== undefined && isFitting ? fitValue(schema, parsed) : text;
}

/** Returns the object or the list that a text contains. */
function jsonIn(text: string): Json | undefined {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function typesOf({ type }: JsonObject): Json[] {
  return Array.isArray(type) ? type : [type ?? null];
}

/** Returns whether a schema may accept null. One without a type may, for all that is known here. */
function acceptsNull(schema: Json | undefined): boolean {
  if (!isJsonObject(schema) || schema.type === undefined) return true;
  return typesOf(schema).includes('null') || schema.nullable === true;
}
