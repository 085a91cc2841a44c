import type { JsonObject } from '../../../json/json.ts';
import { messages } from '../../messages/messages.ts';
import { textOf } from '../../rows/cell.tsx';
import { PlainTable } from '../plain-table.tsx';

/** Characters of a value that the table shows. Its title has more of them. */
const MAX_SHOWN = 200;
const MAX_IN_TITLE = 2_000;

/** The rows of a query, with its columns in their order. All values are text. */
export function ResultTable({ rows }: { rows: readonly JsonObject[] }) {
  const columns = Object.keys(rows[0] ?? {}).map((name) => ({
    name,
    isFigure: rows.every((row) => row[name] === null || typeof row[name] === 'number'),
    show: (row: JsonObject) => {
      const value = row[name] ?? null;
      if (value === null) return messages.common.none;
      const whole = textOf(value);
      return (
        <span title={whole.length > 40 ? whole.slice(0, MAX_IN_TITLE) : undefined}>
          {whole.slice(0, MAX_SHOWN)}
        </span>
      );
    },
  }));
  const places = new Map(rows.map((row, index) => [row, index]));
  return (
    <PlainTable
      label="rows"
      columns={columns}
      rows={rows}
      keyOf={(row) => String(places.get(row))}
    />
  );
}
