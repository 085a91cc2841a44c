import { createHash } from 'node:crypto';
import type { ChangedRow, Ignored } from '../../contracts/runs/preview.ts';
import type { CapturedChanges, TableChange } from '../../db/sql-tools/captured-changes.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { JsonObject } from '../../json/json.ts';
import { changedRows } from './changed-rows.ts';
import { leavesOf, nameOf } from './volatile-fields.ts';

/** The same for two calls that give and change the same, but for what is ignored. */
export function digestOf({ value, tables, altered }: CapturedChanges, ignored: Ignored): string {
  const said = {
    result: leavesOf(value)
      .filter(({ pattern }) => !ignored.result.includes(pattern))
      .map((leaf) => [leaf.path, leaf.value]),
    tables: tables.map((table) => tableIn(table, ignored.columns[nameOf(table)] ?? [])),
    altered,
  };
  return createHash('sha256').update(canonicalJson(said)).digest('hex');
}

/** Of too many rows only some are told, and not always the same. */
function tableIn(table: TableChange, ignored: readonly string[]): unknown {
  const { inserted, updated, deleted, left_out } = table;
  const rows = left_out === 'rows' ? [] : changedRows(table);
  const told = rows.map((row) => canonicalJson(without(row, ignored))).sort();
  return [nameOf(table), inserted, updated, deleted, told];
}

/** What a row was before is never by chance. */
function without(row: ChangedRow, ignored: readonly string[]): ChangedRow {
  if (!row.after) return row;
  const kept = Object.entries(row.after).filter(([column]) => !ignored.includes(column));
  return { ...row, after: Object.fromEntries(kept) as JsonObject };
}
