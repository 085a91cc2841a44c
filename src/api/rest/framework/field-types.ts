import { z } from 'zod';
import type { JsonObject } from '../../../json/json.ts';

/** A field as lists and forms need it. */
export type FieldType = {
  name: string;
  label: string;
  description: string;
  /** The JSON Schema of a value that is not null. */
  schema: JsonObject;
  is_nullable: boolean;
  is_required: boolean;
};

/** Describes a field. */
export function fieldType(name: string, schema: z.ZodType): FieldType {
  const { description = '', ...rest } = withoutNull(jsonSchemaOf(schema));
  return {
    name,
    label: labelOf(name),
    description: schema.description ?? String(description),
    schema: rest,
    is_nullable: schema.safeParse(null).success,
    is_required: !schema.safeParse(undefined).success,
  };
}

function jsonSchemaOf(schema: z.ZodType): JsonObject {
  const { properties } = z.toJSONSchema(z.object({ it: schema }), {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema }) => {
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.format) delete jsonSchema.pattern;
    },
  }) as unknown as { properties: { it: JsonObject } };
  return properties.it;
}

/** Returns a schema without the choice of null: a type of several, or one of several schemas. */
function withoutNull({ anyOf, ...schema }: JsonObject): JsonObject {
  const { type } = schema;
  const types = Array.isArray(type) ? type.filter((one) => one !== 'null') : [];
  const rest = types.length === 1 ? { ...schema, type: types[0] ?? null } : schema;
  if (anyOf === undefined) return rest;
  const others = (anyOf as JsonObject[]).filter(({ type }) => type !== 'null');
  const [only] = others;
  return others.length === 1 && only ? { ...only, ...rest } : { ...rest, anyOf: others };
}

/** Words of labels that are not written like other words. */
const WORDS: Readonly<Record<string, string>> = {
  api: 'API',
  http: 'HTTP',
  id: 'ID',
  json: 'JSON',
  llm: 'LLM',
  mcp: 'MCP',
  ms: 'ms',
  sha256: 'SHA-256',
  sql: 'SQL',
  stt: 'STT',
  tts: 'TTS',
  uri: 'URI',
  url: 'URL',
};

/** Names whose labels without their ends would be those of a field that stands beside them. */
const WHOLE: Readonly<Record<string, string>> = {
  status_at: 'status_since',
  items_at: 'items_as_of',
};

/** Returns the label of a field: `is_active` is Active, `agent_id` is Agent. */
function labelOf(name: string): string {
  const words = (WHOLE[name] ?? name).replace(/^(is|has)_|_(id|at|name)$/g, '').split('_');
  const label = words.map((word) => WORDS[word] ?? word).join(' ');
  return label.charAt(0).toUpperCase() + label.slice(1);
}
