import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

/**
 * Merges the schemas of `allOf` into the schema that contains them. A keyword that several of them
 * have is taken from the first, except those that can be joined.
 */
export function mergeSchemas({ allOf, ...schema }: JsonObject): JsonObject {
  const parts = (Array.isArray(allOf) ? allOf : []).filter(isJsonObject).map(mergeSchemas);
  return parts.reduce(merge, schema);
}

function merge(schema: JsonObject, other: JsonObject): JsonObject {
  const merged: JsonObject = { ...other, ...schema };
  for (const keyword of ['properties', '$defs', 'definitions']) {
    const [own, others] = [schema[keyword], other[keyword]];
    if (isJsonObject(own) && isJsonObject(others)) merged[keyword] = { ...others, ...own };
  }
  const required = [...listIn(schema.required), ...listIn(other.required)];
  if (required.length > 0) merged.required = [...new Set(required)];
  return merged;
}

function listIn(value: Json | undefined): Json[] {
  return Array.isArray(value) ? value : [];
}
