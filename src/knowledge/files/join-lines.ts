/** Joins lines of a paragraph. A word that is hyphenated at the end of a line is joined too. */
export function joinLines(lines: readonly string[]): string {
  const parts: string[] = [];
  for (const line of lines) {
    const before = parts.at(-1);
    const isFirst = before === undefined || (parts.length === 1 && before === '');
    if (isFirst) parts[0] = line;
    else if (/\p{Ll}[-\u00ad\u2010]$/u.test(before.trimEnd()) && /^\s*\p{Ll}/u.test(line)) {
      parts[parts.length - 1] = before.trimEnd().slice(0, -1);
      parts.push(line.trimStart());
    } else parts.push('\n', line);
  }
  return parts.join('');
}
