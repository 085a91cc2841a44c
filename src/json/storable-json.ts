import { isRawNumber } from './exact-number.ts';
import { isJsonObject } from './json.ts';

// Postgres stores no U+0000, and half a surrogate pair is no character: `jsonb` rejects both. Texts
// of models and tools are replaced, because a run must go on. Texts of callers are refused, because
// callers can correct them.

/** Returns why Postgres cannot store a text. Undefined for a text that it can store. */
export function unstorableReason(text: string): string | undefined {
  if (!text.isWellFormed()) {
    return 'contains half a surrogate pair, which is not a valid character';
  }
  return text.includes('\0') ? 'contains the character U+0000' : undefined;
}

/** Replaces NUL and lone surrogates in a text by U+FFFD, so that Postgres can store it. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}

/** Serializes a value as JSON that Postgres can store. Its texts become storable texts. */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes('\\u') && /\\u(0000|d[89a-f])/i.test(text)
    ? JSON.stringify(value, replaceUnstorable)
    : text;
}

function replaceUnstorable(_key: string, value: unknown): unknown {
  if (typeof value === 'string') {
    return storableText(value);
  }
  // JSON.stringify has already turned an ExactNumber into its raw text
  return isJsonObject(value) && !isRawNumber(value)
    ? Object.fromEntries(Object.entries(value).map(([key, member]) => [storableText(key), member]))
    : value;
}
