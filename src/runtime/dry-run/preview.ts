import type {
  ChangedRow,
  ChangedTable,
  Preview,
  VolatileFields,
} from '../../contracts/runs/preview.ts';
import type { CapturedChanges, TableChange } from '../../db/sql-tools/captured-changes.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { JsonObject } from '../../json/json.ts';
import { truncateMiddle } from '../../text/truncate-middle.ts';
import { changedRows } from './changed-rows.ts';
import { nameOf } from './volatile-fields.ts';

const MAX_ROWS = 20;
const MAX_BYTES = 32_768;
const VALUE_CHARACTERS = 200;
const RESULT_CHARACTERS = 2_000;

/** Returns the preview of a tried call for a person, truncated to a readable size. */
export function previewOf(watched: CapturedChanges, ignored: VolatileFields): Preview {
  let room = MAX_BYTES;
  const tables = watched.tables.map((table): ChangedTable => {
    const rows: ChangedRow[] = [];
    const all = changedRows(table).sort(inOrder);
    for (const row of all.slice(0, MAX_ROWS).map(abbreviateRow)) {
      room -= Buffer.byteLength(JSON.stringify(row));
      if (room < 0) break;
      rows.push(row);
    }
    return { ...countsOf(table, all), rows, more_rows: all.length - rows.length };
  });
  return {
    result: truncateMiddle(JSON.stringify(watched.value), RESULT_CHARACTERS),
    tables,
    altered: watched.altered,
    new_each_time: [
      ...Object.entries(ignored.columns).flatMap(([table, columns]) =>
        columns.map((column) => `${table}.${column}`),
      ),
      ...ignored.result,
    ],
  };
}

/**
 * Counts the changes by the rows themselves if all of them are known, otherwise as Postgres counts.
 */
function countsOf(
  table: TableChange,
  rows: readonly ChangedRow[],
): Omit<ChangedTable, 'rows' | 'more_rows'> {
  const { inserted, updated, deleted } = table;
  const isHidden = table.has_policies && rows.length < inserted + updated + deleted;
  const left_out = table.left_out ?? (isHidden ? 'rights' : undefined);
  const name = { table: nameOf(table) };
  if (left_out || table.key.length === 0) {
    return { ...name, inserted, updated, deleted, ...(left_out ? { left_out } : {}) };
  }
  const count = (fits: (row: ChangedRow) => unknown) => rows.filter(fits).length;
  return {
    ...name,
    inserted: count(({ before }) => !before),
    updated: count(({ before, after }) => before && after),
    deleted: count(({ after }) => !after),
  };
}

function inOrder(one: ChangedRow, other: ChangedRow): number {
  const [left, right] = [one, other].map(({ before, after }) => canonicalJson(before ?? after));
  return (left as string) < (right as string) ? -1 : 1;
}

function abbreviateRow(row: ChangedRow): ChangedRow {
  const shortRow = (values: JsonObject): JsonObject =>
    Object.fromEntries(
      Object.entries(values).map(([name, value]) => {
        const text = typeof value === 'string' ? value : JSON.stringify(value);
        return [
          name,
          text.length > VALUE_CHARACTERS ? truncateMiddle(text, VALUE_CHARACTERS) : value,
        ];
      }),
    );
  return {
    ...(row.before ? { before: shortRow(row.before) } : {}),
    ...(row.after ? { after: shortRow(row.after) } : {}),
  };
}
