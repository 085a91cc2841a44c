import {
  hasMembers,
  isJsonObject,
  type Json,
  type JsonObject,
  type JsonSchema,
} from '../../../json/json.ts';
import { DATA_KEYWORDS, MAP_KEYWORDS } from '../../../json/schema-keywords.ts';
import { isLocalRef, schemaAt } from '../../../json/schema-pointer.ts';
import { firstCharacters } from '../../../text/truncate.ts';

/** The largest size of a schema after its references are expanded. */
const MAX_NODES = 10_000;

/** Most objects and booleans of a schema in the database (howdah_private.schema_size_fault). */
const MAX_PARTS = 5_000;
const MAX_LEVELS = 100;

/**
 * Removes patterns from a foreign schema, so that it can be checked in this process. A pattern that
 * backtracks would block the worker. The server checks its patterns itself. A keyword that is null,
 * as some generators write an absent one, is removed too.
 */
export function withoutPatterns(schema: Json): Json {
  if (Array.isArray(schema)) return schema.map(withoutPatterns);
  if (!isJsonObject(schema)) return schema;
  const hasPatterns = schema.patternProperties !== undefined;
  const isAllowed = ([key, value]: [string, Json]) => {
    if (key === 'pattern' || key === 'patternProperties') return false;
    if (value === null && !DATA_KEYWORDS.has(key)) return false;
    return !(hasPatterns && /^(additional|unevaluated)Properties$/.test(key));
  };
  const sanitize = ([key, value]: [string, Json]): [string, Json] => {
    if (DATA_KEYWORDS.has(key)) return [key, value];
    const isMap = MAP_KEYWORDS.has(key) && isJsonObject(value);
    return [key, isMap ? byName(value) : withoutPatterns(value)];
  };
  return Object.fromEntries(Object.entries(schema).filter(isAllowed).map(sanitize));
}

function byName(schemas: JsonObject): JsonObject {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, one]) => [name, withoutPatterns(one)]),
  );
}

/** Counts the objects and booleans of a value, and its levels. */
function extentOf(value: Json): { parts: number; levels: number } {
  if (!hasMembers(value)) {
    return { parts: typeof value === 'boolean' ? 1 : 0, levels: 0 };
  }
  let parts = Array.isArray(value) ? 0 : 1;
  let levels = 0;
  for (const member of Object.values(value)) {
    const inner = extentOf(member);
    parts += inner.parts;
    levels = Math.max(levels, inner.levels + 1);
  }
  return { parts, levels };
}

/**
 * Returns why a schema is not checked here: it is larger than the database stores, refers to other
 * documents, or its references expand too far.
 */
export function schemaFault(schema: JsonSchema): string | null {
  const { parts, levels } = extentOf(schema);
  if (parts > MAX_PARTS) {
    return `its schema has ${parts} objects and booleans, at most ${MAX_PARTS} are allowed`;
  }
  if (levels > MAX_LEVELS) {
    return `its schema has ${levels} levels, at most ${MAX_LEVELS} are allowed`;
  }
  const sizes = new Map<string, number>();
  let fault: string | null = null;
  const size = (value: Json): number => {
    if (!hasMembers(value)) return 1;
    let sum = 1;
    for (const member of Object.values(value)) {
      sum += size(member);
      if (sum > MAX_NODES) return sum;
    }
    const ref = isJsonObject(value) ? value.$ref : undefined;
    return typeof ref === 'string' ? sum + target(ref) : sum;
  };
  const target = (ref: string): number => {
    const known = sizes.get(ref);
    if (known !== undefined) return known;
    if (!isLocalRef(ref)) {
      fault = `its schema refers to ${firstCharacters(ref, 200)}, which is not part of it`;
      return 0;
    }
    sizes.set(ref, 0); // a schema that refers to itself ends with the value
    const found = size(schemaAt(schema, ref) ?? null);
    sizes.set(ref, found);
    return found;
  };
  const total = size(schema);
  return (
    fault ?? (total > MAX_NODES ? 'its schema is too large once its references are followed' : null)
  );
}
