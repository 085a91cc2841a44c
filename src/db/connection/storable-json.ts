/**
 * Serializes a value as JSON that Postgres can store. NUL and lone surrogates, which `jsonb`
 * rejects, become U+FFFD. Models and tools do send these characters.
 */
export function storableJson(value: unknown): string {
  const text = JSON.stringify(value);
  return text.includes('\\u') && /\\u(0000|d[89a-f])/i.test(text)
    ? JSON.stringify(value, replaceUnstorable)
    : text;
}

/** Replaces NUL and lone surrogates in a text, so that Postgres can store it. */
export function storableText(text: string): string {
  return text.toWellFormed().replaceAll('\u0000', '\ufffd');
}

function replaceUnstorable(_key: string, value: unknown): unknown {
  if (typeof value === 'string') {
    return storableText(value);
  }
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject
    ? Object.fromEntries(Object.entries(value).map(([key, member]) => [storableText(key), member]))
    : value;
}
