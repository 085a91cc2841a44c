import { hasMembers } from '../../json/json.ts';
import { type CliIo, paintResult, printJson, printTable } from '../output/output.ts';
import { maskUrlKeys, oneLine, plainText } from '../output/terminal-text.ts';

type Row = Readonly<Record<string, unknown>>;

/** Rows for programs, the same rows as a table shows them, and the message for no rows. */
export type PrintedRows = { items: readonly Row[]; rows?: readonly Row[]; empty?: string };

const LONGEST_CELL = 60;

/** Prints the rows of a list. */
export function printRows(io: CliIo, { items, rows = items, empty }: PrintedRows): void {
  if (io.json) printJson(io, { items });
  else if (rows.length > 0) printTable(io, rows);
  else if (empty !== undefined) io.err(empty);
}

/** Prints one row with all its fields. */
export function printRow(io: CliIo, row: Row): void {
  if (io.json) printJson(io, row);
  else printFields(io, row);
}

/** Shortens the values of a row for a table, which has all columns or the named columns. */
export function shortenRow(row: Row, columns: readonly string[] = Object.keys(row)): Row {
  return Object.fromEntries(columns.map((name) => [name, shortenCell(name, row[name])]));
}

function shortenCell(name: string, value: unknown): unknown {
  if (typeof value === 'string') return oneLine(maskUrlKeys(name, value), LONGEST_CELL);
  return Array.isArray(value) ? oneLine(String(wordOf(value)), LONGEST_CELL) : wordOf(value);
}

/** Prints each field on a line of its own. Texts of several lines are printed below their name. */
function printFields(io: CliIo, row: Row): void {
  const fields = Object.entries(row).filter(([, value]) => value !== null);
  const width = Math.max(...fields.map(([name]) => name.length));
  for (const [name, value] of fields) {
    const text = textOf(typeof value === 'string' ? maskUrlKeys(name, value) : value);
    const body = text.includes('\n') ? `\n${text.replace(/^/gm, '  ')}` : text;
    io.out(`${paintResult(io, 'dim', name.padEnd(width))}  ${body}`.trimEnd());
  }
}

function textOf(value: unknown): string {
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'string') return plainText(value);
  return String(wordOf(value, 2));
}

/** Joins names with commas. Formats any deeper value as JSON. */
function wordOf(value: unknown, indent?: number): unknown {
  if (!hasMembers(value) || value instanceof Date) return value;
  const isListOfNames = Array.isArray(value) && value.every((one) => typeof one === 'string');
  if (isListOfNames) return plainText(value.join(', '));
  return plainText(JSON.stringify(value, null, indent));
}
