import { mainPart, relatedPart, relationshipsOf } from './office-package.ts';
import { addSheet, MAX_COLUMNS } from './sheet.ts';
import type { TextBuilder } from './text-builder.ts';
import { isOn, walkXml } from './xml.ts';
import type { Zip } from './zip.ts';

/** The parts of a workbook that its sheets refer to. */
type Workbook = {
  strings: readonly string[];
  /** Tells by style whether its numbers are dates. */
  isDate: readonly boolean[];
  isFrom1904: boolean;
};
type Sheet = { name: string; path: string };

/** Reads an Excel file. Each visible sheet is a page, with its first row as heading. */
export function readXlsx(zip: Zip, builder: TextBuilder): void {
  const main = mainPart(zip, 'xl/workbook.xml');
  const partOf = (type: string) => {
    const path = relatedPart(zip, main, type);
    return path === undefined ? undefined : zip.read(path);
  };
  const workbook: Workbook = {
    strings: readStrings(partOf('sharedStrings')),
    isDate: readStyles(partOf('styles')),
    isFrom1904: countsFrom1904(zip.read(main)),
  };
  for (const { name, path } of sheetsOf(zip, main)) {
    const bytes = zip.read(path);
    if (bytes) addSheet(builder, name, readRows(bytes, workbook));
  }
}

function sheetsOf(zip: Zip, main: string): Sheet[] {
  const paths = new Map(relationshipsOf(zip, main).map(({ id, path }) => [id, path]));
  const sheets = new Map<string, Sheet>();
  walkXml(zip.read(main) ?? Buffer.alloc(0), {
    open(element, { name = '', id = '', state = 'visible' }) {
      const path = paths.get(id);
      if (element !== 'sheet' || state !== 'visible' || path === undefined) return;
      if (!sheets.has(path)) sheets.set(path, { name, path });
    },
  });
  return [...sheets.values()];
}

function countsFrom1904(bytes: Buffer | undefined): boolean {
  let isFrom1904 = false;
  walkXml(bytes ?? Buffer.alloc(0), {
    open(name, { date1904 }) {
      if (name === 'workbookPr' && date1904 !== undefined) isFrom1904 = isOn(date1904);
    },
  });
  return isFrom1904;
}

/** Reads the shared strings. Phonetic hints (`rPh`) are no text. */
function readStrings(bytes: Buffer | undefined): string[] {
  const strings: string[] = [];
  let isText = false;
  if (!bytes) return strings;
  walkXml(
    bytes,
    {
      open(name) {
        if (name === 'si') strings.push('');
        isText = name === 't';
      },
      text(text) {
        if (isText) strings.push((strings.pop() ?? '') + text);
      },
      close() {
        isText = false;
      },
    },
    new Set(['rPh']),
  );
  return strings;
}

/** Returns for each style of cells whether its numbers are dates. */
function readStyles(bytes: Buffer | undefined): boolean[] {
  const dates = new Set([14, 15, 16, 17, 22, 27, 30, 36, 50, 57].map(String));
  const styles: boolean[] = [];
  let isInCells = false;
  if (!bytes) return styles;
  walkXml(bytes, {
    open(name, { numFmtId = '', formatCode = '' }) {
      if (name === 'numFmt' && isDateFormat(formatCode)) dates.add(numFmtId);
      else if (name === 'cellXfs') isInCells = true;
      else if (name === 'xf' && isInCells) styles.push(dates.has(numFmtId));
    },
    close(name) {
      if (name === 'cellXfs') isInCells = false;
    },
  });
  return styles;
}

/** Returns whether a format has a year or a day. Words in quotes and conditions are none. */
const isDateFormat = (code: string) => /[yd]/i.test(code.replaceAll(/"[^"]*"|\[[^\]]*\]|\\./g, ''));

type Cell = { type: string; style: number; column: number; text: string };

function readRows(bytes: Buffer, workbook: Workbook): string[][] {
  const rows: string[][] = [];
  let row: string[] = [];
  let cell: Cell | undefined;
  let isValue = false;
  walkXml(
    bytes,
    {
      open(name, { r = '', s = '', t = 'n', hidden }) {
        if (name === 'row') row = [];
        if (name === 'row' && (hidden === undefined || !isOn(hidden))) rows.push(row);
        if (name === 'c') {
          cell = { type: t, style: Number(s), column: columnOf(r) ?? row.length, text: '' };
        }
        isValue = name === 'v' || name === 't';
      },
      text(text) {
        if (isValue && cell) cell.text += text;
      },
      close(name) {
        isValue = false;
        if (name !== 'c' || !cell) return;
        if (cell.column < MAX_COLUMNS) row[cell.column] = shownValue(cell, workbook);
        cell = undefined;
      },
    },
    new Set(['f', 'rPh']), // formulas: their values are stored too
  );
  return rows;
}

function shownValue({ type, style, text }: Cell, workbook: Workbook): string {
  if (type === 's') return workbook.strings[Number(text)] ?? '';
  if (type === 'b') return text === '' ? '' : String(isOn(text.trim()));
  if (type !== 'n' || text === '' || !workbook.isDate[style]) return text;
  return dateOf(Number(text), workbook.isFrom1904);
}

/**
 * Returns a date by its number of days since the end of 1899, or since 1 January 1904. Excel counts
 * 29 February 1900, which did not exist: it is left a number.
 */
function dateOf(days: number, isFrom1904: boolean): string {
  const first = isFrom1904 ? Date.UTC(1904, 0, 1) : Date.UTC(1899, 11, days < 60 ? 31 : 30);
  const date = new Date(first + Math.round(days * 86_400) * 1_000);
  const isNoDate = !isFrom1904 && (days < 1 || Math.floor(days) === 60);
  if (isNoDate || Number.isNaN(date.getTime())) return String(days);
  const text = date.toISOString();
  return text.slice(11, 19) === '00:00:00' ? text.slice(0, 10) : text.slice(0, 16);
}

/** Returns the number of a column from 0 on, by a reference such as `AB12`. */
function columnOf(reference: string): number | undefined {
  const letters = /^[A-Z]{1,3}/.exec(reference)?.[0];
  if (letters === undefined) return undefined;
  return [...letters].reduce((sum, letter) => sum * 26 + letter.charCodeAt(0) - 64, 0) - 1;
}
