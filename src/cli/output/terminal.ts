import { firstCharacters } from '../../text/truncate.ts';

/** The environment variables of the process that the command line runs in. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A stream for text that a person may see. */
export type TextStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** The minimum width of a column that is narrowed to make others fit. */
const NARROWEST = 8;
const GAP = '  ';
/** The cells that are never cut: ids, because half an id is useless, and numbers. */
const WHOLE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^[\d.,:TZ+-]*$/i;

/** The replacements of our signs for terminals with letters alone. Other characters stay. */
const LETTERS: Readonly<Record<string, string>> = {
  '…': '...',
  '→': '->',
  '·': '-',
  '├': '|',
  '└': '`',
  '─': '-',
  '│': '|',
};

/**
 * Returns whether somebody can be asked. At a terminal of continuous integration there is nobody.
 */
export function isAttended({ CI = '' }: Environment = {}): boolean {
  return ['', '0', 'false'].includes(CI);
}

/**
 * Returns whether a terminal shows more than ASCII. It does, unless its locale says otherwise or it
 * is the console of the kernel.
 */
export function showsUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: Environment = {}): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG;
  return TERM !== 'linux' && (!locale || /utf-?8/i.test(locale));
}

/**
 * Returns a function that converts a text to what this stream can show. Piped text is never
 * changed.
 */
export function shownOn(stream: TextStream, env: Environment = {}): (text: string) => string {
  if (!stream.isTTY || showsUnicode(env)) return (text) => text;
  return (text) => text.replace(/[…→·├└─│]/g, (sign) => LETTERS[sign] ?? sign);
}

/**
 * Formats rows as aligned lines, at most `columns` wide if long texts can be cut that far. `more`
 * ends a cut text.
 */
export function tableLines(
  rows: readonly (readonly string[])[],
  columns?: number,
  more = '…',
): string[] {
  const widths = (rows[0] ?? []).map((_, column) => widest(rows, column));
  if (columns !== undefined) narrow(rows, widths, columns);
  return rows.map((row) =>
    row
      .map((text, column) => cut(text, widths[column] ?? 0, more))
      .join(GAP)
      .trimEnd(),
  );
}

function widest(rows: readonly (readonly string[])[], column: number): number {
  return Math.max(...rows.map((row) => row[column]?.length ?? 0));
}

/** Narrows the widest column, one character at a time, as long as a column can be narrowed. */
function narrow(rows: readonly (readonly string[])[], widths: number[], columns: number): void {
  const [head = [], ...cells] = rows;
  const least = head.map((name, column) =>
    cells.every((row) => WHOLE.test(row[column] ?? ''))
      ? Number.POSITIVE_INFINITY
      : Math.max(name.length, NARROWEST),
  );
  let over = widths.reduce((sum, width) => sum + width, GAP.length * (widths.length - 1)) - columns;
  while (over > 0) {
    const most = Math.max(...widths.map((width, at) => (width > (least[at] ?? 0) ? width : 0)));
    if (most === 0) return;
    const at = widths.findIndex((width, at) => width === most && width > (least[at] ?? 0));
    widths[at] = most - 1;
    over -= 1;
  }
}

function cut(text: string, width: number, more: string): string {
  const isLong = text.length > width;
  return (isLong ? firstCharacters(text, width - more.length) + more : text).padEnd(width);
}
