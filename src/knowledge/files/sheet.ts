import { rowOf } from './paragraphs.ts';
import type { TextBuilder } from './text-builder.ts';

/** The most columns of a sheet that are read. */
export const MAX_COLUMNS = 1_000;

/**
 * Adds a sheet as a page: its name, and its first row as heading of the others, so that each chunk
 * names its columns.
 */
export function addSheet(
  builder: TextBuilder,
  name: string,
  rows: Iterable<readonly (string | undefined)[]>,
): void {
  builder.addPage();
  builder.add(name, { level: 1 });
  let isFirst = true;
  for (const row of rows) {
    const line = rowOf(row);
    if (line === '') continue;
    if (isFirst) builder.add(line, { level: 2 });
    else builder.addRow(line);
    isFirst = false;
  }
}
