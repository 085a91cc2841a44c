import { extname } from 'node:path';
import { HowdahError } from '../../contracts/errors.ts';
import { isJsonObject, type JsonObject } from '../../json/json.ts';
import { parseJson } from '../../json/parse-json.ts';
import type { SentItem } from '../../operations/quality/datasets.ts';
import { readTextFile } from '../input/input-argument.ts';

const FIELDS = [
  ...(['input', 'input_data', 'input_parts', 'history', 'expected', 'split', 'metadata'] as const),
];
/** Columns of CSV that are JSON if they can be read as JSON. */
const JSON_FIELDS: readonly string[] = [
  'input_data',
  'input_parts',
  'history',
  'expected',
  'metadata',
];

/** An item with the line of the file on which it is. */
export type ReadItem = { item: SentItem; line: number };

/**
 * Reads the items of a file: JSON lines (`.jsonl`), or CSV with a heading (`.csv`). Columns of CSV
 * that no item has become tags in `metadata`. Throws `EUSAGE` with the line.
 */
export async function readItems(file: string): Promise<ReadItem[]> {
  const text = await readTextFile(file).catch((cause) => {
    throw new HowdahError('EUSAGE', `${file} cannot be read: ${cause.message}`, {
      hint: 'Name a file of JSON lines (.jsonl) or CSV (.csv) in UTF-8.',
      detail: { file },
      cause,
    });
  });
  const items = extname(file) === '.csv' ? csvItems(file, text) : lineItems(file, text);
  if (items.length > 0) return items;
  throw new HowdahError('EUSAGE', `${file} has no items`, {
    hint: 'Write one JSON object per line: {"input": "…", "expected": "…"}.',
    detail: { file },
  });
}

function lineItems(file: string, text: string): ReadItem[] {
  return text.split('\n').flatMap((line, index) => {
    if (line.trim() === '') return [];
    const value = jsonOf(line);
    if (!isJsonObject(value)) throw badLine(file, index + 1, 'it is not a JSON object');
    const unknown = Object.keys(value).find(
      (name) => !(FIELDS as readonly string[]).includes(name),
    );
    if (unknown) throw badLine(file, index + 1, `an item has no field ${unknown}`);
    return [{ item: value as SentItem, line: index + 1 }];
  });
}

function csvItems(file: string, text: string): ReadItem[] {
  const [first, ...rows] = csvRows(file, text);
  const heading = first?.cells ?? [];
  if (!heading.includes('input') && !heading.includes('input_data')) {
    throw badLine(file, 1, 'it has no column input');
  }
  const twice = heading.find((name, at) => heading.indexOf(name) !== at);
  if (twice !== undefined) throw badLine(file, 1, `it has the column ${twice} twice`);
  return rows.map(({ cells, line }) => {
    if (cells.length !== heading.length) {
      throw badLine(file, line, `it has ${cells.length} cells, not ${heading.length}`);
    }
    return { item: itemOf(heading, cells), line };
  });
}

function itemOf(heading: readonly string[], cells: readonly string[]): SentItem {
  const item: Record<string, unknown> = {};
  const tags: JsonObject = {};
  for (const [at, name] of heading.entries()) {
    const cell = cells[at] ?? '';
    if (cell === '') continue;
    if (!(FIELDS as readonly string[]).includes(name)) tags[name] = cell;
    else item[name] = JSON_FIELDS.includes(name) ? (jsonOf(cell) ?? cell) : cell;
  }
  const metadata = isJsonObject(item.metadata as JsonObject) ? (item.metadata as JsonObject) : {};
  return {
    ...item,
    ...(hasAny({ ...metadata, ...tags }) && { metadata: { ...metadata, ...tags } }),
  };
}

const hasAny = (value: JsonObject) => Object.keys(value).length > 0;

/** Returns the value of a JSON text, or undefined if it is none. */
function jsonOf(text: string): unknown {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

/** The cells of a row of CSV, and the line on which it begins. */
type CsvRow = { cells: string[]; line: number };

/** Reads the rows of a CSV text (RFC 4180). Empty lines are left out. */
function csvRows(file: string, text: string): CsvRow[] {
  const rows: CsvRow[] = [];
  let row: CsvRow = { cells: [], line: 1 };
  let line = 1;
  const cell = /("(?:[^"]|"")*"|[^",\r\n]*)(,|\r?\n|$)/gy;
  while (cell.lastIndex < text.length) {
    const found = cell.exec(text);
    if (!found) throw badLine(file, line, 'a quote is not closed, or has text beside it');
    const [all, raw = '', end] = found;
    line += all.split('\n').length - 1;
    row.cells.push(raw.startsWith('"') ? raw.slice(1, -1).replaceAll('""', '"') : raw);
    if (end === ',') {
      if (cell.lastIndex < text.length) continue;
      row.cells.push('');
    }
    if (row.cells.length > 1 || row.cells[0] !== '') rows.push(row);
    row = { cells: [], line };
  }
  return rows;
}

/** Returns an error about `items[3]` as one about its line. Other errors stay as they are. */
export function atLine(error: unknown, file: string, lines: readonly number[]): unknown {
  const { code, message, hint, detail } = error as HowdahError;
  const field = isJsonObject(detail) && typeof detail.field === 'string' ? detail.field : '';
  const [item = '', inBrackets, afterDot] = /^items(?:\[(\d+)\]|\.(\d+))/.exec(field) ?? [];
  const line = lines[Number(inBrackets ?? afterDot)];
  if (line === undefined) return error;
  const words = message.startsWith(item)
    ? message.slice(item.length).replace(/^[.:] ?/, '')
    : message;
  return new HowdahError(code, `${file}, line ${line}: ${words}`, {
    ...{ hint, detail: { ...(detail as JsonObject), file, line }, cause: error },
  });
}

const badLine = (file: string, line: number, message: string) =>
  new HowdahError('EUSAGE', `${file}, line ${line}: ${message}`, {
    hint: 'An item has input, input_data, input_parts, history, expected, split and metadata.',
    detail: { file, line },
  });
