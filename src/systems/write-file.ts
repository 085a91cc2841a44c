import { Document, visit } from 'yaml';
import { hasMembers, isJsonObject, type Json, type JsonObject } from '../json/json.ts';
import { systemFileSchema } from './schema/file-schema.ts';
import { EXACT_NUMBER_TAG } from './yaml/exact-number-tag.ts';

/**
 * Writes the file of a system. The same content gives the same bytes. Keys have the order of the
 * schema, names are sorted.
 */
export function writeFile(document: JsonObject): string {
  const yaml = new Document(orderKeys(inShort(document), systemFileSchema()), {
    aliasDuplicateObjects: false,
    customTags: [EXACT_NUMBER_TAG],
  });
  visit(yaml, {
    Scalar(key, node) {
      if (
        key !== 'key' &&
        typeof node.value === 'string' &&
        /\n./.test(node.value) &&
        isPlainBlock(node.value)
      ) {
        node.type = 'BLOCK_LITERAL';
      }
    },
  });
  return yaml.toString({ lineWidth: 0 });
}

/**
 * Returns whether a text can be a block without indicators: no leading space and no trailing
 * spaces.
 */
function isPlainBlock(text: string): boolean {
  return !/^\s|[ \t]$|[ \t]\n|\r/.test(text);
}

/** Writes a single model without options as `model`. */
function inShort(document: JsonObject): JsonObject {
  const { agents } = document;
  if (!hasMembers(agents)) return document;
  const entries = Object.entries(agents as Record<string, JsonObject>).map(([name, entry]) => {
    const { models, ...rest } = entry;
    const [first] = Array.isArray(models) ? models : [];
    const isOne = Array.isArray(models) && models.length === 1 && typeof first === 'string';
    return [name, isOne ? { ...rest, model: first as Json } : entry];
  });
  return { ...document, agents: Object.fromEntries(entries) };
}

function orderKeys(value: Json, schema: JsonObject): Json {
  if (Array.isArray(value)) {
    return value.map((one) => orderKeys(one, under(schema, value, 'items')));
  }
  if (!isJsonObject(value)) return value;
  const form = formOf(schema, value);
  const known = Object.keys((form.properties as JsonObject | undefined) ?? {});
  const place = (key: string) => (known.includes(key) ? known.indexOf(key) : known.length);
  const keys = Object.keys(value).toSorted((a, b) => place(a) - place(b) || (a < b ? -1 : 1));
  return Object.fromEntries(
    keys.map((key) => [
      key,
      orderKeys((value as JsonObject)[key] as Json, under(form, value as JsonObject, key)),
    ]),
  );
}

function under(schema: JsonObject, value: Json, key: string): JsonObject {
  const form = formOf(schema, value);
  const own = (form.properties as Record<string, JsonObject> | undefined)?.[key];
  const next =
    key === 'items' && Array.isArray(value) ? form.items : (own ?? form.additionalProperties);
  return hasMembers(next) ? (next as JsonObject) : {};
}

/** Returns the form of a union that has all keys of the value. */
function formOf(schema: JsonObject, value: Json): JsonObject {
  const all = (schema.oneOf ?? schema.anyOf) as JsonObject[] | undefined;
  if (!all) return schema;
  const kind = Array.isArray(value) ? 'array' : typeof value;
  const fits = (one: JsonObject) => {
    const properties = (one.properties ?? {}) as Record<string, { const?: Json }>;
    return (
      one.type === kind &&
      (kind !== 'object' ||
        one.additionalProperties !== false ||
        Object.entries(value as JsonObject).every(
          ([key, at]) => properties[key] && (properties[key].const ?? at) === at,
        ))
    );
  };
  return all.find(fits) ?? {};
}
