import type { Json } from '../json/json.ts';

/** Longer words and lines are cut: what is wrong stands at their ends. */
const MOST_WORD = 300;
const MOST_LINE = 2_000;
const MOST_TEXT = 20_000;

/** Controls, and marks that hide or turn around what stands beside them; not those that scripts and emoji are written with. */
const HIDDEN = /(?![\t\n\u200c-\u200f])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/**
 * A sentence that may quote what somebody sent, as it can be told on a terminal, in a log and in an answer: what is not seen is
 * written as an escape, and nothing is longer than a person reads.
 */
export function displayable(text: string): string {
  const start = text.length > MOST_TEXT ? cut(text, MOST_TEXT) : text; // before it is looked at letter by letter
  return start
    .replace(/\S{301,}/g, (word) => cut(word, MOST_WORD))
    .replace(/[^\n]{2001,}/g, (line) => cut(line, MOST_LINE))
    .replace(HIDDEN, escaped)
    .toWellFormed();
}

/** What in a detail is for people too. */
const SENTENCES = new Set(['message', 'hint']);

/** The same of the texts in a detail, which is for programs: they are as they were, but not longer. */
export function displayableDetail<T extends Json | undefined>(detail: T, most = MOST_TEXT): T {
  if (typeof detail === 'string') return (detail.length > most ? cut(detail, most) : detail) as T;
  if (typeof detail !== 'object' || detail === null) return detail;
  const inner = (value: Json | undefined) => displayableDetail(value, MOST_LINE);
  if (Array.isArray(detail)) return detail.map(inner) as unknown as T;
  return Object.fromEntries(
    Object.entries(detail).map(([name, value]) => [
      displayable(name),
      typeof value === 'string' && SENTENCES.has(name) ? displayable(value) : inner(value),
    ]),
  ) as T;
}

/** The same value as JSON in which nothing is hidden either, for who reads it on a terminal. */
export function displayableJson(value: unknown): string {
  return JSON.stringify(value).replace(HIDDEN, (character) =>
    [...Array(character.length).keys()]
      .map((at) => `\\u${character.charCodeAt(at).toString(16).padStart(4, '0')}`)
      .join(''),
  );
}

/** Its beginning and its end. */
function cut(text: string, most: number): string {
  const end = Math.floor(most / 10);
  return `${text.slice(0, most - end - 1).replace(/[\ud800-\udbff]$/, '')}…${text.slice(-end).replace(/^[\udc00-\udfff]/, '')}`;
}

function escaped(character: string): string {
  const code = (character.codePointAt(0) ?? 0).toString(16);
  return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`;
}
