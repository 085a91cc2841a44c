/** A page of the generated reference: its path below docs/reference, and its text. */
export type ReferencePage = { path: string; text: string };

/** Renders a page. Its last line names the source of its facts. */
export function page(
  path: string,
  { title, source, parts }: { title: string; source: string; parts: readonly string[] },
): ReferencePage {
  const foot = `Generated from ${source} by \`npm run generate\`. Do not edit this page.`;
  return { path, text: `${[`# ${title}`, ...parts, foot].join('\n\n')}\n` };
}

/** Renders a table. */
export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)].join('\n');
}

/** Formats a text for a cell of a table. */
export function cell(text: string): string {
  return escapeProse(text)
    .replaceAll('|', '\\|')
    .replaceAll(/\s*\n+\s*/g, ' ')
    .trim();
}

/**
 * Escapes a text as prose: words in angle brackets become no elements, and stars no emphasis. URLs
 * are examples, so they become code instead of links.
 */
export function escapeProse(text: string): string {
  const prose = (part: string) =>
    part
      .replaceAll('<', '\\<')
      .replaceAll('*', '\\*')
      .replaceAll(/(?<![\w`])_|_(?![\w`])/g, '\\_');
  return replaceOutsideCode(text, (part) =>
    replaceOutsideCode(part.replaceAll(URLS, '`$&`'), prose),
  );
}

const URLS = /\b[a-z]+:\/\/[^\s,)]*[^\s,).;:]/g;

/** Formats a text as inline code. */
export function code(text: string): string {
  return `\`${text.replaceAll(/\s*\n\s*/g, ' ')}\``;
}

/** Formats code for a cell of a table. */
export function codeCell(text: string): string {
  return text === '' ? '' : code(text).replaceAll('|', '\\|');
}

function replaceOutsideCode(text: string, change: (part: string) => string): string {
  return text
    .split(/(`[^`]*`)/)
    .map((part, index) => (index % 2 === 1 ? part : change(part)))
    .join('');
}
