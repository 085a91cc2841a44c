import { ExactNumber, isJsonNumber, isSafe } from './exact-number.ts';
import type { Json } from './json.ts';

/**
 * The largest exponent of a number. Postgres writes numbers out: `1e100000` would become a text of
 * 100,000 characters.
 */
const MAX_EXPONENT = 1_000;
/**
 * The digits that the exponents of all numbers of a text may add when Postgres writes them out, or
 * four times the length of the text if that is more.
 */
const MAX_ADDED_DIGITS = 1_000_000;

/**
 * Matches what a number has that a double may not hold: 16 digits, or an exponent of two digits. A
 * shorter number is always exact. A number begins the text or follows one of these characters,
 * which keeps most digits of strings out.
 */
const MAY_BE_INEXACT = /[:,[\s-]\d(?:[\d.]{15}|[\d.]*[eE][+-]?\d\d)/;
const BEGINS_WITH_DIGIT = /^\d/;

/** The error for exponents beyond ±1000, and for exponents that add too many digits together. */
export class ExponentError extends SyntaxError {}

/**
 * Parses JSON. A number that JavaScript cannot represent exactly becomes an `ExactNumber`. Throws a
 * `SyntaxError` for a text that is not JSON.
 *
 * A text without long numbers costs one search more than `JSON.parse`. `T` is for documents that
 * this program wrote itself.
 */
export function parseJson<T = Json>(text: string): T {
  if (!MAY_BE_INEXACT.test(text) && !BEGINS_WITH_DIGIT.test(text)) return JSON.parse(text);
  try {
    return JSON.parse(text, createExactReviver(4 * text.length));
  } catch (error) {
    // the reviver calls itself for each level
    if (error instanceof RangeError) throw new SyntaxError('it is nested too deeply');
    throw error;
  }
}

type Reviver = (key: string, value: Json, ...context: { source?: string }[]) => Json;

/**
 * Returns a function that keeps the digits of numbers while `JSON.parse` reads one text. It throws
 * an `ExponentError` when exponents add more than `most` digits, or a million if that is more.
 */
export function createExactReviver(most = MAX_ADDED_DIGITS): Reviver {
  const mostAdded = Math.max(most, MAX_ADDED_DIGITS);
  let added = 0;
  return (_key, value, context) => {
    const source = context?.source;
    if (typeof value !== 'number' || source === undefined) return value;
    added += digitsAddedBy(source);
    if (added > mostAdded) {
      throw new ExponentError(`the exponents of its numbers add more than ${mostAdded} digits`);
    }
    return isSafe(value, source) ? value : new ExactNumber(source);
  };
}

/** Returns about how many digits a number gets when it is written without its exponent. */
function digitsAddedBy(number: string): number {
  const exponent = Math.abs(Number(/e(.*)$/i.exec(number)?.[1] ?? 0));
  if (exponent <= MAX_EXPONENT) return exponent;
  throw new ExponentError(
    `the exponent of the number ${number.slice(0, 50)} is beyond ±${MAX_EXPONENT}`,
  );
}

/** Parses JSON as `parseJson` does. A text that is not JSON is returned as a text. */
export function parseJsonOrText(text: string): Json {
  try {
    return parseJson(text);
  } catch {
    return text;
  }
}

/**
 * Returns the number that a person wrote, with all its digits: as JSON writes it, or as `.5`, `5.`,
 * `05` or `+5`. Returns undefined for any other text.
 */
export function parseNumber(text: string): number | ExactNumber | undefined {
  const [, sign, whole = '', fraction = '', power = ''] =
    /^([+-]?)(\d*)(?:\.(\d*))?(e[+-]?\d+)?$/i.exec(text.trim()) ?? [];
  if (whole + fraction === '') return undefined;
  const digits = whole.replace(/^0+(?=\d)/, '') || '0';
  const json = `${sign === '-' ? '-' : ''}${digits}${fraction && `.${fraction}`}${power}`;
  const number = parseJsonOrText(json);
  return isJsonNumber(number) ? number : undefined;
}

/** Numbers whose digits or spelling a double loses: long ones, `1.50` and `1e9`. */
const RESPELLED = /[\d.]{16}|\.\d*0(?!\d)|\de/i;

/** Parses JSON so that `JSON.stringify` writes each number as it was spelled, such as `1.50`. */
export function parseSpelling(text: string): Json {
  return RESPELLED.test(text) ? JSON.parse(text, keepSpelling) : JSON.parse(text);
}

function keepSpelling(_key: string, value: Json, ...[context]: { source?: string }[]): Json {
  const source = context?.source;
  const isSpelledAlike =
    typeof value !== 'number' || source === undefined || source === String(value);
  return isSpelledAlike ? value : new ExactNumber(source);
}

/** Returns whether a text is complete JSON. */
export function isJsonText(text: string): boolean {
  try {
    parseJson(text);
    return true;
  } catch {
    return false;
  }
}
