import type { ReadLimits, Rows } from '../../contracts/bounded-read.ts';
import type { Json } from '../../json/json.ts';
import { truncate } from '../../text/truncate.ts';

const CELL_CHARACTERS = 300;

/** Formats rows as a Markdown table, which models read well, with the number of rows. */
export function tableOf({ rows, cut_by }: Rows, limits: ReadLimits): string {
  const [first] = rows;
  if (!first) return cut_by ? moreThan(cut_by, 0, limits) : '(no rows)';
  const columns = Object.keys(first);
  const lines = [
    columns.map(cellOf),
    columns.map(() => '---'),
    ...rows.map((row) => columns.map((column) => cellOf(row[column] ?? null))),
  ].map((cells) => `| ${cells.join(' | ')} |`);
  const count = rows.length === 1 ? '(1 row)' : `(${rows.length} rows)`;
  return `${lines.join('\n')}\n${cut_by ? moreThan(cut_by, rows.length, limits) : count}`;
}

/** Formats a value as one line. A null is written as `null`. */
function cellOf(value: Json): string {
  const text = value === null ? 'null' : typeof value === 'string' ? value : JSON.stringify(value);
  return truncate(text, CELL_CHARACTERS)
    .replaceAll('\\', '\\\\')
    .replaceAll('|', '\\|')
    .replace(/\s*[\r\n]+\s*/g, ' ⏎ ');
}

function moreThan(cutBy: 'rows' | 'bytes', count: number, { bytes }: ReadLimits): string {
  const limit = cutBy === 'rows' ? '' : `, ${bytes} bytes being the most`;
  return `(the first ${count} rows; there are more${limit}: count, sum or filter them in SQL)`;
}
