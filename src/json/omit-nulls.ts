import type { z } from 'zod';
import { ExactNumber } from './exact-number.ts';

/** The parts of a zod schema that describe what is inside a value. */
export type SchemaDefinition = {
  type: string;
  innerType?: z.ZodType;
  element?: z.ZodType;
  options?: readonly z.ZodType[];
  in?: z.ZodType;
  getter?: () => z.ZodType;
  shape?: Record<string, z.ZodType>;
  values?: readonly unknown[];
  entries?: Record<string, unknown>;
  valueType?: z.ZodType;
};
export const definitionOf = (schema: z.ZodType) => schema._zod.def as unknown as SchemaDefinition;

/**
 * Returns a value without the fields that are null although their schema accepts no null. Clients
 * that serialize classes send null for each field that is not set. A null that the schema accepts
 * stays, as do unknown fields, items of lists, and everything in values of any shape.
 */
export function omitNulls(schema: z.ZodType, value: unknown): unknown {
  return omitWithin([schema], value);
}

/** `schemas` are the alternatives for the value. */
function omitWithin(schemas: readonly z.ZodType[], value: unknown): unknown {
  if (typeof value !== 'object' || value === null || schemas.length === 0) return value;
  if (value instanceof ExactNumber) return value;
  const definitions = schemas.flatMap((schema) => alternativesOf(schema, value));
  if (!definitions.some(describesInside)) return value;
  if (Array.isArray(value)) {
    const elements = definitions.flatMap(({ element }) => element ?? []);
    return value.map((item) => omitWithin(elements, item));
  }
  const fieldsOf = (name: string) =>
    definitions.flatMap(({ shape, valueType }) =>
      shape ? (Object.hasOwn(shape, name) ? (shape[name] ?? []) : []) : (valueType ?? []),
    );
  const entries = Object.entries(value).filter(
    ([name, one]) => one !== null || !isOptionalField(definitions, name),
  );
  return Object.fromEntries(entries.map(([name, one]) => [name, omitWithin(fieldsOf(name), one)]));
}

function describesInside({ element, shape, valueType }: SchemaDefinition): boolean {
  const inside = element ?? valueType;
  return shape !== undefined || (inside !== undefined && definitionOf(inside).type !== 'unknown');
}

/** Returns whether a field is known and none of its schemas accepts null. */
function isOptionalField(definitions: readonly SchemaDefinition[], name: string): boolean {
  const fields = definitions.flatMap(({ shape = {} }) =>
    Object.hasOwn(shape, name) ? (shape[name] ?? []) : [],
  );
  return fields.length > 0 && !fields.some(acceptsNull);
}

const known = new WeakMap<z.ZodType, boolean>();

function acceptsNull(schema: z.ZodType): boolean {
  const before = known.get(schema);
  if (before !== undefined) return before;
  const { success } = schema.safeParse(null);
  known.set(schema, success);
  return success;
}

/** Returns the definitions that may describe the value, without wrappers such as `optional`. */
function alternativesOf(schema: z.ZodType, value: object): SchemaDefinition[] {
  const definition = definitionOf(schema);
  const { innerType, in: input, getter, options } = definition;
  const inner = innerType ?? input ?? getter?.();
  if (inner) return alternativesOf(inner, value);
  if (options) return options.flatMap((option) => alternativesOf(option, value));
  return matchesLiterals(schema, value) ? [definition] : [];
}

/** Returns whether an object has the literal and enum values of a schema. */
export function matchesLiterals(schema: z.ZodType, value: unknown): boolean {
  const { shape } = definitionOf(schema);
  if (!shape || typeof value !== 'object' || value === null) return true;
  return Object.entries(shape).every(([name, one]) => {
    const { type, values, entries } = definitionOf(one);
    if (type !== 'literal' && type !== 'enum') return true;
    const words = values ?? Object.values(entries ?? {});
    return words.includes((value as Record<string, unknown>)[name]);
  });
}
