import type { ChangedRow, ChangedTable, Preview } from '../../contracts/runs/preview.ts';
import { isSameJson } from '../../json/canonical-json.ts';
import type { JsonObject } from '../../json/json.ts';
import { oneLine } from '../output/terminal-text.ts';

const ROW_CHARACTERS = 160;
const RESULT_CHARACTERS = 200;

const WHY: Readonly<Record<NonNullable<ChangedTable['left_out']>, string>> = {
  rights: 'rows that the run may not see are not shown',
  size: 'the rows are not shown, because the table is too large to search',
  rows: 'too many rows to compare',
};

/**
 * Returns what a call would do, as lines of talk. `-` marks the old values and `+` the new ones.
 */
export function previewLines(preview: Preview): string[] {
  const { result, tables, altered, new_each_time } = preview;
  return [
    `  it would return ${oneLine(result, RESULT_CHARACTERS)} and change ${previewSummary(preview)}`,
    ...tables.flatMap(tableLines),
    ...(altered.length > 0 ? [`  and alter or empty ${oneLine(altered.join(', '), 200)}`] : []),
    ...(new_each_time.length > 0
      ? [`  different on each call: ${oneLine(new_each_time.join(', '), 200)}`]
      : []),
  ];
}

/** Summarizes the changes: `1 inserted into shop.orders, 2 updated in shop.stock`. */
export function previewSummary({ tables, altered }: Preview): string {
  const counts = tables.flatMap(({ table, inserted, updated, deleted }) => [
    ...(inserted > 0 ? [`${inserted} inserted into ${table}`] : []),
    ...(updated > 0 ? [`${updated} updated in ${table}`] : []),
    ...(deleted > 0 ? [`${deleted} deleted from ${table}`] : []),
  ]);
  return counts.length > 0
    ? counts.join(', ')
    : altered.length > 0
      ? altered.join(', ')
      : 'nothing';
}

function tableLines({ table, rows, more_rows, left_out }: ChangedTable): string[] {
  return [
    ...rows.flatMap((row) => rowLines(table, row)),
    ...(more_rows > 0 ? [`    … and ${more_rows} more in ${table}`] : []),
    ...(left_out ? [`    ${table}: ${WHY[left_out]}`] : []),
  ];
}

/**
 * Returns the lines of a changed row. The new line of an updated row contains only what has
 * changed.
 */
function rowLines(table: string, { before, after }: ChangedRow): string[] {
  const changed =
    before &&
    after &&
    Object.fromEntries(
      Object.entries(after).filter(([column, value]) => !isSameJson(value, before[column])),
    );
  const lines = before
    ? [`    - ${table} ${lineOf(changed ? orderColumns(before, changed) : before)}`]
    : [];
  return after ? [...lines, `    + ${table} ${lineOf(changed ?? after)}`] : lines;
}

/**
 * Orders the columns of a row that is too wide for a line. Changed columns come first, then the
 * shortest values, because keys are among those.
 */
function orderColumns(row: JsonObject, changed: JsonObject): JsonObject {
  if (JSON.stringify(row).length <= ROW_CHARACTERS) return row;
  const rank = ([column, value]: [string, unknown]) =>
    column in changed ? 0 : 1 + JSON.stringify(value).length;
  return Object.fromEntries(Object.entries(row).toSorted((a, b) => rank(a) - rank(b)));
}

function lineOf(values: JsonObject): string {
  return oneLine(JSON.stringify(values), ROW_CHARACTERS);
}
