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
  checks?: readonly z.core.$ZodCheck[];
};
export const definitionOf = (schema: z.ZodType) => schema._zod.def as unknown as SchemaDefinition;

/**
 * Returns a value without the fields that are null although their schema accepts no null. Clients
 * that serialize classes send null for each field that is not set. A null that the schema accepts
 * stays, as do unknown fields, items of lists, and everything in values of any shape. Lists that
 * are longer than their schema allows, or than `mostItems` if it sets no maximum, are not read.
 */
export function omitNulls(
  schema: z.ZodType,
  value: unknown,
  mostItems = Number.POSITIVE_INFINITY,
): unknown {
  return hasNullField(value) ? omitWithin([schema], value, mostItems) : value;
}

/** Returns whether an object in a value has a field that is null. */
function hasNullField(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasNullField);
  return Object.values(value).some((one) => one === null || hasNullField(one));
}

type ListCheck = { check: string; maximum?: number };

/** Returns the maximum length that the schema of a list sets. */
export function maximumOf({ checks }: SchemaDefinition): number | undefined {
  const all = checks?.map((one) => one._zod.def as ListCheck) ?? [];
  return all.find(({ check }) => check === 'max_length')?.maximum;
}

/** `schemas` are the alternatives for the value. */
function omitWithin(schemas: readonly z.ZodType[], value: unknown, mostItems: number): unknown {
  if (typeof value !== 'object' || value === null || schemas.length === 0) return value;
  if (value instanceof ExactNumber) return value;
  const definitions = schemas.flatMap((schema) => alternativesOf(schema, value));
  if (!definitions.some(describesInside)) return value;
  if (Array.isArray(value)) {
    if (definitions.every((one) => value.length > (maximumOf(one) ?? mostItems))) return value;
    const elements = definitions.flatMap(({ element }) => element ?? []);
    return value.map((item) => omitWithin(elements, item, mostItems));
  }
  const fieldsOf = (name: string) =>
    definitions.flatMap(({ shape, valueType }) =>
      shape ? (Object.hasOwn(shape, name) ? (shape[name] ?? []) : []) : (valueType ?? []),
    );
  const entries = Object.entries(value).filter(
    ([name, one]) => one !== null || !isOptionalField(definitions, name),
  );
  return Object.fromEntries(
    entries.map(([name, one]) => [name, omitWithin(fieldsOf(name), one, mostItems)]),
  );
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
  return literalFields(schema, shape).every(([name, words]) =>
    words.has((value as Record<string, unknown>)[name]),
  );
}

type LiteralField = readonly [name: string, words: ReadonlySet<unknown>];
const literals = new WeakMap<z.ZodType, readonly LiteralField[]>();

/** Returns the fields of an object that are literals or enums, with their values. */
function literalFields(
  schema: z.ZodType,
  shape: Record<string, z.ZodType>,
): readonly LiteralField[] {
  const before = literals.get(schema);
  if (before) return before;
  const fields = Object.entries(shape).flatMap(([name, one]): LiteralField[] => {
    const { type, values, entries } = definitionOf(one);
    if (type !== 'literal' && type !== 'enum') return [];
    return [[name, new Set(values ?? Object.values(entries ?? {}))]];
  });
  literals.set(schema, fields);
  return fields;
}
