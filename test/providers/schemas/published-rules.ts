import { isJsonObject, type Json, type JsonObject } from '../../../src/json/json.ts';

// The rules as the vendors publish them, written apart from the tables of src/providers/schemas.

/** Returns every schema within a schema, with its path. */
function* schemasIn(schema: Json, path = '#'): Generator<[string, JsonObject]> {
  if (!isJsonObject(schema)) return;
  yield [path, schema];
  for (const map of ['properties', '$defs', 'definitions', 'patternProperties']) {
    for (const [name, one] of Object.entries((schema[map] ?? {}) as JsonObject)) {
      yield* schemasIn(one, `${path}/${map}/${name}`);
    }
  }
  for (const list of ['anyOf', 'oneOf', 'allOf', 'prefixItems']) {
    for (const [at, one] of ((schema[list] ?? []) as Json[]).entries()) {
      yield* schemasIn(one, `${path}/${list}/${at}`);
    }
  }
  for (const name of ['items', 'additionalProperties', 'not']) {
    yield* schemasIn(schema[name] ?? null, `${path}/${name}`);
  }
}

const faultsIn = (schema: Json, check: (one: JsonObject) => string | undefined): string[] =>
  [...schemasIn(schema)].flatMap(([path, one]) => {
    const fault = check(one);
    return fault === undefined ? [] : [`${path} ${fault}`];
  });

const COMBINATIONS = ['anyOf', 'oneOf', 'allOf', 'enum', 'not'];

/** OpenAI and Anthropic: the root is an object with properties and without a combination. */
export function rootFaults(schema: JsonObject): string[] {
  const faults = COMBINATIONS.filter((name) => name in schema).map((name) => `# has ${name}`);
  if (schema.type !== 'object') faults.push('# is no object');
  if (!isJsonObject(schema.properties)) faults.push('# is missing properties');
  return [
    ...faults,
    ...faultsIn(schema, (one) =>
      one.type === 'array' && (!('items' in one) || Array.isArray(one.items))
        ? 'is missing items'
        : undefined,
    ),
  ];
}

const STRICT_KEYWORDS = new Set([
  ...['type', 'title', 'description', 'enum', 'const', 'anyOf', '$ref', '$defs', 'definitions'],
  ...['properties', 'required', 'additionalProperties', 'items', 'minItems', 'maxItems'],
  ...['pattern', 'format', 'multipleOf', 'minimum', 'maximum', 'exclusiveMinimum'],
  'exclusiveMaximum',
]);

/** https://platform.openai.com/docs/guides/structured-outputs#supported-schemas */
export function strictFaults(schema: JsonObject): string[] {
  return [
    ...rootFaults(schema),
    ...faultsIn(schema, (one) => {
      const odd = Object.keys(one).find((name) => !STRICT_KEYWORDS.has(name));
      if (odd) return `has ${odd}`;
      if ('$ref' in one)
        return Object.keys(one).length > 1 ? 'has keywords besides $ref' : undefined;
      if (!('type' in one) && !('anyOf' in one)) return 'has no type';
      if (one.type !== 'object') return undefined;
      if (one.additionalProperties !== false) return 'is open';
      const required = new Set(one.required as string[]);
      const names = Object.keys(one.properties as JsonObject);
      return names.every((name) => required.has(name)) ? undefined : 'has an optional property';
    }),
  ];
}

const GEMINI_KEYWORDS = new Set([
  ...['type', 'format', 'title', 'description', 'nullable', 'enum', 'items', 'minItems'],
  ...['maxItems', 'properties', 'required', 'minimum', 'maximum', 'minLength', 'maxLength'],
  ...[
    'pattern',
    'anyOf',
    'propertyOrdering',
    'minProperties',
    'maxProperties',
    'example',
    'default',
  ],
]);

/** https://ai.google.dev/api/caching#Schema */
export function geminiFaults(schema: JsonObject): string[] {
  return faultsIn(schema, (one) => {
    const odd = Object.keys(one).find((name) => !GEMINI_KEYWORDS.has(name));
    if (odd) return `has ${odd}`;
    if (Array.isArray(one.type)) return 'has several types';
    const { enum: values, required = [], properties = {}, format } = one;
    if (Array.isArray(values) && !values.every((value) => typeof value === 'string' && value)) {
      return 'has values that are no texts';
    }
    if (values !== undefined && one.type !== 'string') return 'has values and is no text';
    if (one.type === 'string' && format !== undefined && format !== 'date-time') {
      return `has the format ${format}`;
    }
    if (one.type === 'array' && !('items' in one)) return 'is missing items';
    const missing = (required as string[]).find((name) => !(name in (properties as JsonObject)));
    return missing ? `requires ${missing}, which is no property` : undefined;
  });
}

/** Anthropic: https://docs.claude.com/en/docs/agents-and-tools/tool-use/implement-tool-use */
export function anthropicFaults(schema: JsonObject): string[] {
  const names = [...schemasIn(schema)].flatMap(([, { properties }]) =>
    isJsonObject(properties) ? Object.keys(properties) : [],
  );
  return [
    ...rootFaults(schema),
    ...names.filter((name) => !/^[a-zA-Z0-9_.-]{1,64}$/.test(name)).map((name) => `has ${name}`),
  ];
}
