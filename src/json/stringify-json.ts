import { ExactNumber } from './exact-number.ts';

/**
 * Serializes a value of a program as JSON, and a `bigint` with all its digits. Returns undefined
 * for a value that JSON does not have, as `JSON.stringify` does.
 */
export function stringifyJson(value: unknown): string | undefined {
  return JSON.stringify(value, (_name, one) =>
    typeof one === 'bigint' ? new ExactNumber(String(one)).toJSON() : one,
  );
}
