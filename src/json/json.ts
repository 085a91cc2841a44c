import { ExactNumber } from './exact-number.ts';

/** Any value that JSON can represent. A number that a double would round is an `ExactNumber`. */
export type Json = string | number | ExactNumber | boolean | null | Json[] | JsonObject;

/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** A JSON Schema (draft 2020-12), as stored in a `jsonb` column. */
export type JsonSchema = JsonObject;

/**
 * Returns whether a value is a list or an object of JSON. `typeof` also calls an `ExactNumber` an
 * object, which has no members.
 */
export function hasMembers(value: unknown): value is Json[] | JsonObject {
  return typeof value === 'object' && value !== null && !(value instanceof ExactNumber);
}

/** Returns whether a value is a plain JSON object (not null, an array or a number). */
export function isJsonObject(value: unknown): value is JsonObject {
  return hasMembers(value) && !Array.isArray(value);
}
