import { ExactNumber } from './exact-number.ts';

/** Any value that JSON can represent. A number that a double would round is an `ExactNumber`. */
export type Json = string | number | ExactNumber | boolean | null | Json[] | JsonObject;

/** A JSON object. */
export type JsonObject = { [key: string]: Json };

/** A JSON Schema (draft 2020-12), as stored in a `jsonb` column. */
export type JsonSchema = JsonObject;

/** Returns whether a value is a plain JSON object (not null, an array or a number). */
export function isJsonObject(value: unknown): value is JsonObject {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof ExactNumber)
  );
}
