import { randomUUID } from 'node:crypto';
import { ExactNumber, toJsonNumber } from './exact-number.ts';
import { isJsonObject, type Json } from './json.ts';

// Libraries that parse JSON themselves would round long numbers. Before they parse a text, its long
// numbers become marked strings; afterwards the marks become numbers again.

/** Random, so that no sender can write it. */
const MARK = `howdah.number.${randomUUID()}:`;
/** A string without an end is a token too, so that its rest is not searched for others. */
const TOKENS = /"(?:[^"\\]|\\.)*"?|-?\d[\d.eE+-]*/g;

/** Marks the long numbers of a JSON text, or of a line of it. */
export function markNumbers(json: string): string {
  return json.replaceAll(TOKENS, (token) => {
    if (token.startsWith('"')) return token;
    try {
      return toJsonNumber(token) instanceof ExactNumber ? `"${MARK}${token}"` : token;
    } catch {
      return token; // no number, so no JSON
    }
  });
}

/** Replaces the marks in a parsed value by their numbers. */
export function unmarkNumbers(value: Json): Json {
  if (typeof value === 'string') {
    return value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value;
  }
  if (Array.isArray(value)) return value.map(unmarkNumbers);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, member]) => [name, unmarkNumbers(member)]),
  );
}
