import { isJsonObject, type Json, type JsonObject, type JsonSchema } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import { schemaAt } from '../../json/schema-pointer.ts';

/**
 * Removes the nulls that the strict form of a schema makes a model write: of properties that the
 * stored schema neither requires nor allows to be null. Any other text stays as it is.
 */
export function omitAddedNulls(text: string, schema: JsonSchema): string {
  const value = jsonIn(text);
  if (value === undefined) return text;
  const left = omitWithin(value, [schema], schema);
  const written = JSON.stringify(left);
  return written === JSON.stringify(value) ? text : written;
}

function jsonIn(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** `schemas` are the alternatives for the value. */
function omitWithin(value: Json, schemas: readonly Json[], root: JsonSchema): Json {
  const all = schemas.flatMap((schema) => alternatives(schema, root));
  if (all.length === 0) return value;
  if (Array.isArray(value)) {
    const items = all.flatMap((schema) => schema.items ?? []);
    return value.map((one) => omitWithin(one, items, root));
  }
  if (!isJsonObject(value)) return value;
  const ofName = (name: string) => all.flatMap((schema) => propertyOf(schema, name) ?? []);
  const entries = Object.entries(value).filter(
    ([name, one]) => one !== null || !isAdded(name, ofName(name), all, root),
  );
  return Object.fromEntries(
    entries.map(([name, one]) => [name, omitWithin(one, ofName(name), root)]),
  );
}

function isAdded(
  name: string,
  schemas: readonly Json[],
  objects: readonly JsonObject[],
  root: JsonSchema,
): boolean {
  const isRequired = objects.some(
    ({ required }) => Array.isArray(required) && required.includes(name),
  );
  return !isRequired && schemas.length > 0 && !schemas.some((schema) => acceptsNull(schema, root));
}

function propertyOf({ properties }: JsonObject, name: string): Json | undefined {
  return isJsonObject(properties) && Object.hasOwn(properties, name) ? properties[name] : undefined;
}

/** Most alternatives and references that are followed from one schema. */
const MAX_DEPTH = 20;

/** Returns the schemas that a schema is made of: what it refers to, and its combinations. */
function alternatives(schema: Json, root: JsonSchema, depth = 0): JsonObject[] {
  if (!isJsonObject(schema) || depth > MAX_DEPTH) return [];
  const target = typeof schema.$ref === 'string' ? [schemaAt(root, schema.$ref) ?? true] : [];
  const combined = [schema.anyOf, schema.oneOf, schema.allOf].flatMap((all) =>
    Array.isArray(all) ? all : [],
  );
  return [schema, ...[...target, ...combined].flatMap((one) => alternatives(one, root, depth + 1))];
}

function acceptsNull(schema: Json, root: JsonSchema, depth = 0): boolean {
  if (!isJsonObject(schema)) return schema === true;
  if (depth > MAX_DEPTH) return true;
  if (schema.nullable === true || schema.const === null) return true;
  if (Array.isArray(schema.enum)) return schema.enum.includes(null);
  if (schema.type !== undefined) return [schema.type].flat().includes('null');
  if (typeof schema.$ref === 'string') {
    return acceptsNull(schemaAt(root, schema.$ref) ?? true, root, depth + 1);
  }
  const choices = [schema.anyOf, schema.oneOf].find(Array.isArray);
  if (choices) return choices.some((one) => acceptsNull(one, root, depth + 1));
  if (Array.isArray(schema.allOf)) {
    return schema.allOf.every((one) => acceptsNull(one, root, depth + 1));
  }
  return schema.const === undefined;
}
