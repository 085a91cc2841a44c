import { canonicalNumber, ExactNumber } from './exact-number.ts';
import { isJsonObject, type Json } from './json.ts';

/** Returns JSON with its keys in one order, as `jsonb` compares it. An absent value is null. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(sortKeys((value ?? null) as Json));
}

/** Returns whether two values are equal to `jsonb`. */
export function isSameJson(one: unknown, other: unknown): boolean {
  return canonicalJson(one) === canonicalJson(other);
}

function sortKeys(value: Json): Json {
  if (Array.isArray(value)) {
    return value.map(sortKeys);
  }
  if (isLong(value)) {
    return new ExactNumber(canonicalNumber(value));
  }
  if (!isJsonObject(value)) {
    return value;
  }
  const entries = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(
    entries
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, member]) => [key, sortKeys(member)]),
  );
}

/** Returns whether a number may be spelled in several ways, such as `1e20` and its 21 digits. */
function isLong(value: Json): value is number | ExactNumber {
  return value instanceof ExactNumber || (Number.isInteger(value) && !Number.isSafeInteger(value));
}
