import { z } from 'zod';
import { ExactNumber } from '../../json/exact-number.ts';
import { isJsonObject, type Json, type JsonSchema } from '../../json/json.ts';

/** Types of zod without a JSON Schema. */
const WITHOUT_SCHEMA = new Set(
  'symbol undefined void date map set transform nan custom function'.split(' '),
);
/** The format that marks an integer as a `bigint`. */
const BIGINT = 'int64';

/** Returns the JSON Schema of parameters. `z.bigint()` is an integer of the format `int64`. */
export function schemaOf(parameters: z.ZodObject): JsonSchema {
  const { $schema: _, ...schema } = z.toJSONSchema(parameters, {
    io: 'input',
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      const { type } = zodSchema._zod.def;
      if (type === 'bigint') Object.assign(jsonSchema, { type: 'integer', format: BIGINT });
      else if (WITHOUT_SCHEMA.has(type)) {
        throw new Error(`${capitalized(type)} cannot be represented in JSON Schema`);
      }
    },
  });
  return schema as JsonSchema;
}

const capitalized = (word: string) => word.charAt(0).toUpperCase() + word.slice(1);

/**
 * Returns arguments as the values of JavaScript that zod checks. An integer is a `bigint` where the
 * parameter is one, or where a number would round it. A long fraction is the text of its digits.
 */
export function toZodValues(value: Json, schema: Json = {}): unknown {
  const { format, items, properties = {} } = isJsonObject(schema) ? schema : {};
  if (value instanceof ExactNumber) return value.toBigInt() ?? value.text;
  if (typeof value === 'number') {
    return format === BIGINT && Number.isInteger(value) ? BigInt(value) : value;
  }
  if (Array.isArray(value)) return value.map((one) => toZodValues(one, items));
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, one]) => [
      name,
      toZodValues(one, isJsonObject(properties) ? properties[name] : undefined),
    ]),
  );
}
