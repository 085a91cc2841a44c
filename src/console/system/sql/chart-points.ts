import type { Json, JsonObject } from '../../../json/json.ts';

/** Rows that a chart shows at most. */
export const MAX_POINTS = 100;

/** The points that a chart shows of the rows of a query. */
export type ChartPoints = {
  /** The column of the names, or undefined if rows are numbered. */
  label: string | undefined;
  /** The column of the numbers. */
  value: string;
  points: { name: string; value: number }[];
};

/** Returns the columns whose values are numbers, also those that JSON has as text. */
export function numberColumns(rows: readonly JsonObject[]): string[] {
  return Object.keys(rows[0] ?? {}).filter(
    (name) =>
      rows.some((row) => row[name] !== null) &&
      rows.every((row) => row[name] === null || isNumber(row[name])),
  );
}

/**
 * Returns the points of a chart of one column of numbers. Their names are in the first column that
 * has no numbers.
 */
export function chartPoints(rows: readonly JsonObject[], value: string): ChartPoints {
  const numbers = numberColumns(rows);
  const label =
    Object.keys(rows[0] ?? {}).find((name) => !numbers.includes(name)) ??
    numbers.find((name) => name !== value);
  const points = rows.slice(0, MAX_POINTS).map((row, index) => ({
    name: label === undefined ? String(index + 1) : String(row[label] ?? ''),
    value: Number(row[value] ?? 0),
  }));
  return { label, value, points };
}

function isNumber(value: Json | undefined): boolean {
  if (typeof value === 'number') return true;
  return typeof value === 'string' && /^-?\d+(\.\d+)?$/.test(value);
}
