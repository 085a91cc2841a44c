/**
 * Replaces each match of a pattern, as `replaceAll` does, by the text that `replace` returns for
 * the first group of the match. Returns undefined, without making the text, if it would have more
 * than `maxBytes` bytes of UTF-8.
 */
export function replaceWithin(
  text: string,
  pattern: RegExp,
  replace: (group: string, match: string) => string,
  maxBytes: number,
): string | undefined {
  const parts: string[] = [];
  let bytes = 0;
  let end = 0;
  const add = (part: string): boolean => {
    bytes += Buffer.byteLength(part);
    parts.push(part);
    return bytes <= maxBytes;
  };
  for (const match of text.matchAll(pattern)) {
    const [written, group = ''] = match;
    if (!add(text.slice(end, match.index)) || !add(replace(group, written))) return undefined;
    end = match.index + written.length;
  }
  return add(text.slice(end)) ? parts.join('') : undefined;
}
