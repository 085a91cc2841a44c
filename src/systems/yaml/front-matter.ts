/** A Markdown file with front matter. `line` is the first line of the body, counted from one. */
export type FrontMatter = { front: string; body: { text: string; line: number } };

/**
 * Splits a text into the part between two lines of `---` at its beginning and the rest. The front
 * matter is padded with empty lines, so that the lines of its faults are the lines of the file.
 * Returns undefined if there is no front matter.
 */
export function frontMatter(text: string): FrontMatter | undefined {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/);
  const first = lines.findIndex((line) => line.trim() !== '');
  if (lines[first]?.trimEnd() !== '---') return undefined;
  const length = lines.slice(first + 1).findIndex((line) => line.trimEnd() === '---');
  if (length < 0) return undefined;
  const end = first + 1 + length;
  const front = [...Array(first + 1).fill(''), ...lines.slice(first + 1, end)].join('\n');
  return { front, body: { text: lines.slice(end + 1).join('\n'), line: end + 2 } };
}
