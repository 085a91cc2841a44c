// A cut never splits a character: half of a surrogate pair is no character, and some providers
// reject it.

/** Returns a text of at most `limit` characters, followed by an ellipsis if the text is longer. */
export function truncate(text: string, limit: number): string {
  return text.length > limit ? `${firstCharacters(text, limit)}…` : text;
}

/** Returns a text of at most `limit` characters, the ellipsis of a longer text included. */
export function truncateToFit(text: string, limit: number): string {
  return text.length > limit ? `${firstCharacters(text, limit - 1)}…` : text;
}

/** Returns the first characters of a text, without a mark. */
export function firstCharacters(text: string, count: number): string {
  return text.slice(0, count).replace(/[\ud800-\udbff]$/, '');
}

/** Returns the last characters of a text, without a mark. */
export function lastCharacters(text: string, count: number): string {
  return text.slice(text.length - count).replace(/^[\udc00-\udfff]/, '');
}

/** Returns the start of a text, at most `count` bytes of UTF-8, without a mark. */
export function firstBytes(text: string, count: number): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= count) return text;
  return bytes
    .subarray(0, count)
    .toString('utf8')
    .replace(/\ufffd$/, '');
}
