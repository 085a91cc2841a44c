/** Variables of the process that the command line lives in. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Where text goes that a person may see. */
export type TextStream = NodeJS.WritableStream & { isTTY?: boolean; columns?: number };

/** No column gets narrower to make others fit. */
const NARROWEST = 8;
const GAP = '  ';
/** Half an id is none. */
const WHOLE = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$|^[\d.,:TZ+-]*$/i;

/** Our signs where a terminal has letters alone; what others wrote stays. */
const LETTERS: Readonly<Record<string, string>> = {
  '…': '...',
  '→': '->',
  '·': '-',
  '├': '|',
  '└': '`',
  '─': '-',
  '│': '|',
};

/** Whether somebody is there to be asked: at a terminal of continuous integration nobody is. */
export function isAttended({ CI = '' }: Environment = {}): boolean {
  return ['', '0', 'false'].includes(CI);
}

/** Whether a terminal shows more than ASCII: unless its locale says otherwise, or it is the console of the kernel. */
export function showsUnicode({ LC_ALL, LC_CTYPE, LANG, TERM }: Environment = {}): boolean {
  const locale = LC_ALL || LC_CTYPE || LANG;
  return TERM !== 'linux' && (!locale || /utf-?8/i.test(locale));
}

/** A text as this stream can show it. What is piped is never changed. */
export function shownOn(stream: TextStream, env: Environment = {}): (text: string) => string {
  if (!stream.isTTY || showsUnicode(env)) return (text) => text;
  return (text) => text.replace(/[…→·├└─│]/g, (sign) => LETTERS[sign] ?? sign);
}

/** Rows as aligned lines; at most `columns` wide, where long texts can be cut so far; `more` ends what was cut. */
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

/** Takes from the widest column as long as there is one to take from. */
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
  return text.length > width ? `${text.slice(0, width - more.length)}${more}` : text.padEnd(width);
}
