import { numberIn } from '../json/exact-number.ts';
import { isJsonObject, type Json, type JsonSchema } from '../json/json.ts';

/**
 * Returns arguments with numbers where the model wrote the digits as a text and the schema accepts
 * only a number. Models do so with long ids, since their own JSON would round them.
 */
export function numbersInText<T extends Json>(schema: JsonSchema, value: T): T {
  return toNumbers(schema, value) as T;
}

function toNumbers(schema: Json | undefined, value: Json): Json {
  if (!isJsonObject(schema)) return value;
  if (typeof value === 'string') {
    return takesOnlyNumbers(schema.type) ? (numberIn(value) ?? value) : value;
  }
  if (Array.isArray(value)) {
    return isJsonObject(schema.items) ? value.map((one) => toNumbers(schema.items, one)) : value;
  }
  if (!isJsonObject(value) || !isJsonObject(schema.properties)) return value;
  const { properties } = schema;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [
      name,
      Object.hasOwn(properties, name) ? toNumbers(properties[name], member) : member,
    ]),
  );
}

function takesOnlyNumbers(type: Json | undefined): boolean {
  const types = Array.isArray(type) ? type : [type];
  return (types.includes('integer') || types.includes('number')) && !types.includes('string');
}
