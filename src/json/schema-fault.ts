import { isJsonNumber } from './exact-number.ts';
import { isJsonObject, type Json, type JsonSchema } from './json.ts';
import { LIST_KEYWORDS, MAP_KEYWORDS, SCHEMA_KEYWORDS } from './schema-keywords.ts';
import { isLocalRef, schemaAt } from './schema-pointer.ts';

const TYPES: ReadonlySet<Json> = new Set([
  'object',
  'array',
  'string',
  'number',
  'integer',
  'boolean',
  'null',
]);

type Check = { expects: string; isValid(value: Json): boolean };

const isText = (value: Json): boolean => typeof value === 'string';
const isCount = (value: Json): boolean =>
  typeof value === 'number' && Number.isInteger(value) && value >= 0;

const NUMBER: Check = { expects: 'a number', isValid: isJsonNumber };
const COUNT: Check = { expects: 'a whole number from 0', isValid: isCount };
const TEXT: Check = { expects: 'a text', isValid: isText };
const TEXTS: Check = {
  expects: 'a list of texts',
  isValid: (value) => Array.isArray(value) && value.every(isText),
};

/** The form of the values of keywords that no schema is in. */
const CHECKS: Readonly<Record<string, Check>> = {
  type: {
    expects: 'a type of JSON Schema',
    isValid: (value) =>
      Array.isArray(value)
        ? value.length > 0 && value.every((one) => TYPES.has(one))
        : TYPES.has(value),
  },
  required: TEXTS,
  enum: { expects: 'a list', isValid: (value) => Array.isArray(value) },
  $ref: TEXT,
  pattern: TEXT,
  format: TEXT,
  title: TEXT,
  description: TEXT,
  minimum: NUMBER,
  maximum: NUMBER,
  exclusiveMinimum: NUMBER,
  exclusiveMaximum: NUMBER,
  multipleOf: NUMBER,
  minLength: COUNT,
  maxLength: COUNT,
  minItems: COUNT,
  maxItems: COUNT,
  minProperties: COUNT,
  maxProperties: COUNT,
};

/**
 * Returns why a schema is not a valid JSON Schema, or null. Checks the form of the common keywords
 * and the references, and no pattern. A reference by name is not followed.
 */
export function schemaFormFault(schema: JsonSchema): string | null {
  return faultOf(schema, '', schema);
}

function faultOf(schema: Json, path: string, root: JsonSchema): string | null {
  if (typeof schema === 'boolean') return null;
  if (!isJsonObject(schema)) return `${shownPath(path)} must be a schema`;
  for (const [keyword, value] of Object.entries(schema)) {
    const at = `${path}/${keyword}`;
    const fault = keywordFault(keyword, value, at, root);
    if (fault !== null) return fault;
  }
  return null;
}

function keywordFault(keyword: string, value: Json, path: string, root: JsonSchema): string | null {
  const check = Object.hasOwn(CHECKS, keyword) ? CHECKS[keyword] : undefined;
  if (check && !check.isValid(value)) return `${shownPath(path)} must be ${check.expects}`;
  if (keyword === '$ref') return refFault(value as string, path, root);
  if (MAP_KEYWORDS.has(keyword)) return mapFault(value, path, root);
  if (LIST_KEYWORDS.has(keyword)) {
    if (!Array.isArray(value) || value.length === 0) {
      return `${shownPath(path)} must be a list of schemas`;
    }
    return listFault(value, path, root);
  }
  if (!SCHEMA_KEYWORDS.has(keyword)) return null;
  const isTuple = keyword === 'items' && Array.isArray(value); // until draft 2019
  return isTuple ? listFault(value, path, root) : faultOf(value, path, root);
}

function mapFault(value: Json, path: string, root: JsonSchema): string | null {
  if (!isJsonObject(value)) return `${shownPath(path)} must be an object of schemas`;
  return firstFault(Object.entries(value), path, root);
}

function listFault(value: Json[], path: string, root: JsonSchema): string | null {
  return firstFault(Object.entries(value), path, root);
}

function firstFault(
  members: readonly [string, Json][],
  path: string,
  root: JsonSchema,
): string | null {
  for (const [name, one] of members) {
    const fault = faultOf(one, `${path}/${name}`, root);
    if (fault !== null) return fault;
  }
  return null;
}

function refFault(ref: string, path: string, root: JsonSchema): string | null {
  if (!isLocalRef(ref)) {
    const isNamed = /"\$(id|anchor|dynamicAnchor)":/.test(JSON.stringify(root));
    return isNamed ? null : `${shownPath(path)} refers to ${ref}, which is not part of it`;
  }
  const target = schemaAt(root, ref);
  const isSchema = typeof target === 'boolean' || isJsonObject(target);
  return isSchema ? null : `${shownPath(path)} refers to ${ref}, which does not exist`;
}

function shownPath(path: string): string {
  return path === '' ? 'the schema' : path.slice(1, 200);
}
