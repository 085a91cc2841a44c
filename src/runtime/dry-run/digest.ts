import { createHash } from 'node:crypto';
import type { ChangedRow, VolatileFields } from '../../contracts/runs/preview.ts';
import type { CapturedChanges, TableChange } from '../../db/sql-tools/captured-changes.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { JsonObject } from '../../json/json.ts';
import { changedRows } from './changed-rows.ts';
import { leavesOf, nameOf } from './volatile-fields.ts';

/**
 * Returns a digest of the result and the changes of a call, without the ignored fields. Two calls
 * with the same effects have the same digest.
 */
export function changesDigest(
  { value, tables, altered }: CapturedChanges,
  ignored: VolatileFields,
): string {
  const content = {
    result: leavesOf(value)
      .filter(({ pattern }) => !ignored.result.includes(pattern))
      .map((leaf) => [leaf.path, leaf.value]),
    tables: tables.map((table) => tableIn(table, ignored.columns[nameOf(table)] ?? [])),
    altered,
  };
  return createHash('sha256').update(canonicalJson(content)).digest('hex');
}

/**
 * Returns the part of one table. If too many rows were changed, rows are left out, because only
 * some of them are captured, and not always the same.
 */
function tableIn(table: TableChange, ignored: readonly string[]): unknown {
  const { inserted, updated, deleted, left_out } = table;
  const rows = left_out === 'rows' ? [] : changedRows(table);
  const texts = rows.map((row) => canonicalJson(withoutFields(row, ignored))).sort();
  return [nameOf(table), inserted, updated, deleted, texts];
}

/**
 * Removes the ignored columns of the row after the change. The row before is complete, because its
 * values are never random.
 */
function withoutFields(row: ChangedRow, ignored: readonly string[]): ChangedRow {
  if (!row.after) return row;
  const entries = Object.entries(row.after).filter(([column]) => !ignored.includes(column));
  return { ...row, after: Object.fromEntries(entries) as JsonObject };
}
