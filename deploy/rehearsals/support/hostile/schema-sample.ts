import type { Json } from '../../../../src/json/json.ts';
import { type Fixtures, UNIQUE_NAME, UNKNOWN_ID } from './endpoint.ts';

/** Keywords of JSON Schema that a sample is made from. */
export type Schema = {
  $ref?: string;
  type?: string | string[];
  format?: string;
  enum?: Json[];
  const?: Json;
  properties?: Record<string, Schema>;
  required?: string[];
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  allOf?: Schema[];
};

export type Sampling = { schemas: Record<string, Schema>; fixtures: Fixtures };

/** Levels of a sample: a schema may refer to itself. */
const MAX_LEVELS = 8;

/** Follows a reference to a named schema. */
export function resolveReference(schema: Schema, { schemas }: Sampling): Schema {
  return schema.$ref ? (schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {}) : schema;
}

/** Makes a value that has all properties of a schema, so that each can be replaced. */
export function sampleOf(schema: Schema, sampling: Sampling, level = 0, name = ''): Json {
  if (schema.$ref) {
    const target = sampling.schemas[schema.$ref.split('/').at(-1) ?? ''];
    return target && level < MAX_LEVELS ? sampleOf(target, sampling, level + 1, name) : {};
  }
  if (schema.const !== undefined) return schema.const;
  if (schema.enum) return schema.enum[0] ?? null;
  const [choice] = schema.anyOf ?? schema.oneOf ?? schema.allOf ?? [];
  if (choice) return sampleOf(choice, sampling, level + 1, name);
  const isShallow = level < MAX_LEVELS;
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  switch (type) {
    case 'object':
      return Object.fromEntries(
        Object.entries(isShallow ? (schema.properties ?? {}) : {}).map(([key, property]) => [
          key,
          sampleOf(property, sampling, level + 1, key),
        ]),
      );
    case 'array':
      return [schema.items && isShallow ? sampleOf(schema.items, sampling, level + 1, name) : 'x'];
    case 'integer':
    case 'number':
      return 1;
    case 'boolean':
      return false;
    case 'string':
      return sampleString(schema, name, sampling.fixtures);
    default:
      return {};
  }
}

function sampleString({ format }: Schema, name: string, { agent, ids }: Fixtures): string {
  if (format === 'uuid' || format === 'guid') {
    return ids[`${name.replace(/_id$/, '')}s`] ?? UNKNOWN_ID;
  }
  if (format === 'date-time') return '2030-01-01T00:00:00Z';
  if (format === 'uri' || name === 'url') return 'https://example.com/x';
  if (name === 'name') return UNIQUE_NAME;
  return name === 'agent' || name === 'model' ? agent : 'x';
}
