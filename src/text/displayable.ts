import { hasMembers, type Json } from '../json/json.ts';
import { firstCharacters, lastCharacters } from './truncate.ts';

/**
 * Most characters of a word, a line and a text. Longer ones are cut in the middle, because the
 * fault is at their ends.
 */
const MAX_WORD = 300;
const MAX_LINE = 2_000;
const MAX_TEXT = 20_000;

/**
 * Control characters, and marks that hide or reorder the text beside them. Marks that scripts and
 * emoji need are excluded.
 */
const HIDDEN = /(?![\t\n\u200c-\u200f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * Returns a text that can be shown on a terminal, in a log and in an answer, though it may quote
 * input. Invisible characters are escaped, and no part is longer than a person reads.
 */
export function displayable(text: string): string {
  // truncated before it is searched
  const start = text.length > MAX_TEXT ? truncateWithin(text, MAX_TEXT) : text;
  return start
    .replace(/\S{301,}/g, (word) => truncateWithin(word, MAX_WORD))
    .replace(/[^\n]{2001,}/g, (line) => truncateWithin(line, MAX_LINE))
    .replace(HIDDEN, escapeCharacter)
    .toWellFormed();
}

/** The fields of a detail that are for people, too. */
const SENTENCES = new Set(['message', 'hint']);

/**
 * Truncates the texts of a detail. They are unchanged otherwise, because a detail is for programs.
 * Only field names and sentences for people become displayable.
 */
export function displayableDetail<T extends Json | undefined>(detail: T, most = MAX_TEXT): T {
  if (typeof detail === 'string')
    return (detail.length > most ? truncateWithin(detail, most) : detail) as T;
  if (!hasMembers(detail)) return detail;
  const inner = (value: Json | undefined) => displayableDetail(value, MAX_LINE);
  if (Array.isArray(detail)) return detail.map(inner) as unknown as T;
  return Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [
      displayable(name),
      typeof value === 'string' && SENTENCES.has(name) ? displayable(value) : inner(value),
    ]),
  ) as T;
}

/** Returns a value as JSON without hidden characters, for readers on a terminal. */
export function displayableJson(value: unknown): string {
  return JSON.stringify(value).replace(HIDDEN, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Truncates a text to its beginning and its end. */
function truncateWithin(text: string, most: number): string {
  const end = Math.floor(most / 10);
  return `${firstCharacters(text, most - end - 1)}…${lastCharacters(text, end)}`;
}

function escapeCharacter(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}
