/** A Markdown file of two parts; `line` is where the body begins, counted from one. */
export type FrontMatter = { front: string; body: { text: string; line: number } };

/**
 * What stands between two lines of `---` at the beginning of a text, and what comes after. The front matter stands on the
 * lines it has in the file, so that what is told of it is found there. Undefined where there is none.
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
