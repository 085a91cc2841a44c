import { fileFault, passwordFault } from './file-fault.ts';
import { Paragraphs } from './paragraphs.ts';
import { addSheet, MAX_COLUMNS } from './sheet.ts';
import type { TextBuilder } from './text-builder.ts';
import { type Attributes, walkXml } from './xml.ts';
import type { Zip } from './zip.ts';

/** Deleted text, comments, numbers of notes, and texts that a list of all slides repeats. */
const SKIPPED = new Set([
  ...['tracked-changes', 'annotation', 'note-citation', 'forms', 'styles', 'automatic-styles'],
  ...['date-time', 'page-number'],
]);
/** A covered cell belongs to one that spans several, and keeps its place. */
const CELLS = new Set(['table-cell', 'covered-table-cell']);
/** The most times that a cell or a row is read again because it is repeated. */
const MAX_REPEATED = 1_000;
/** More rows have more text than a document may have. */
const MAX_ROWS = 500_000;

/** Reads a file of OpenDocument. Slides and sheets are pages. */
export function readOpenDocument(zip: Zip, builder: TextBuilder, type: string): void {
  const declared = zip.read('mimetype')?.toString('latin1').trim();
  const content = zip.read('content.xml');
  if (isEncrypted(zip)) throw passwordFault();
  if (!content || (declared !== undefined && declared !== type)) {
    throw fileFault('unreadable', 'the file is of another type than its name says');
  }
  if (type.endsWith('.spreadsheet')) readSheets(content, builder);
  else readText(content, builder);
}

function isEncrypted(zip: Zip): boolean {
  const manifest = zip.read('META-INF/manifest.xml');
  let isFound = false;
  if (!manifest) return false;
  walkXml(manifest, {
    open(name) {
      isFound ||= name === 'encryption-data' || name === 'encrypted-key';
    },
  });
  return isFound;
}

function readText(content: Buffer, builder: TextBuilder): void {
  const paragraphs = new Paragraphs(builder);
  let isTitle = false;
  let items = 0;
  let depth = 0;
  walkXml(
    content,
    {
      open(name, attributes) {
        if (name === 'page') builder.addPage();
        else if (name === 'frame') isTitle = attributes.class === 'title';
        else if (name === 'table') paragraphs.openTable();
        else if (name === 'list-item') items += 1;
        else if (name === 'h') paragraphs.open(levelOf(attributes));
        else if (name === 'p') paragraphs.open(isTitle ? 1 : undefined);
        else paragraphs.write(spaceOf(name, attributes));
        if (name === 'p' || name === 'h') depth += 1;
        if (name === 'p' && items > 0) paragraphs.setItem();
      },
      text(text) {
        // white space between elements is no text, and that in paragraphs counts once
        if (depth > 0) paragraphs.write(text.replaceAll(/[\t\r\n ]+/g, ' '));
      },
      close(name) {
        if (name === 'p' || name === 'h') {
          depth -= 1;
          paragraphs.close();
        } else if (name === 'frame') isTitle = false;
        else if (name === 'list-item') items -= 1;
        else if (CELLS.has(name)) paragraphs.closeCell();
        else if (name === 'table-row') paragraphs.closeRow();
        else if (name === 'table') paragraphs.closeTable();
      },
    },
    SKIPPED,
  );
}

const levelOf = (attributes: Attributes) =>
  Math.min(9, Math.max(1, Number(attributes['outline-level']) || 1));

/** Returns the white space that an element stands for. */
function spaceOf(name: string, attributes: Attributes): string {
  if (name === 's') return ' '.repeat(Math.min(100, Number(attributes.c ?? '1') || 1));
  if (name === 'tab') return '\t';
  return name === 'line-break' ? '\n' : '';
}

type Sheets = { name: string; rows: string[][] }[];

function readSheets(content: Buffer, builder: TextBuilder): void {
  const sheets: Sheets = [];
  let row: string[] = [];
  let times = { row: 1, cell: 1 };
  let cell = '';
  let isText = 0;
  walkXml(
    content,
    {
      open(name, attributes) {
        if (name === 'table') sheets.push({ name: attributes.name ?? '', rows: [] });
        else if (name === 'table-row') {
          row = [];
          times = { row: timesOf(attributes['number-rows-repeated']), cell: 1 };
        } else if (CELLS.has(name)) {
          cell = '';
          times.cell = timesOf(attributes['number-columns-repeated']);
        } else if (name === 'p') {
          isText += 1;
          cell += ' ';
        } else cell += spaceOf(name, attributes);
      },
      text(text) {
        if (isText > 0) cell += text;
      },
      close(name) {
        if (name === 'p') isText -= 1;
        if (CELLS.has(name)) addTimes(row, cell.trim(), times.cell, MAX_COLUMNS);
        if (name !== 'table-row' || row.every((one) => one === '')) return;
        addTimes(sheets.at(-1)?.rows ?? [], row, times.row, MAX_ROWS);
      },
    },
    SKIPPED,
  );
  for (const { name, rows } of sheets) addSheet(builder, name, rows);
}

const timesOf = (repeated: string | undefined) =>
  Math.min(MAX_REPEATED, Math.max(1, Number(repeated ?? '1') || 1));

function addTimes<T>(list: T[], one: T, times: number, most: number): void {
  for (let added = 0; added < times && list.length < most; added += 1) list.push(one);
}
