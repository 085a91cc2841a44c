import type { ChangedRow } from '../../contracts/runs/preview.ts';
import type { TableChange } from '../../db/sql-tools/captured-changes.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { JsonObject } from '../../json/json.ts';

/**
 * Pairs the rows of a table before and after a call by their key. Without a key the rows cannot be
 * matched. Each row then counts as deleted or inserted.
 */
export function changedRows({ key, before = [], after = [] }: TableChange): ChangedRow[] {
  const left = new Map(after.map((row, at) => [keyOf(key, row) ?? `${at}`, row]));
  const rows = before.map((row): ChangedRow => {
    const place = keyOf(key, row);
    const now = place === undefined ? undefined : left.get(place);
    if (place !== undefined) left.delete(place);
    return now ? { before: row, after: now } : { before: row };
  });
  return [...rows, ...[...left.values()].map((row): ChangedRow => ({ after: row }))];
}

function keyOf(key: readonly string[], row: JsonObject): string | undefined {
  return key.length > 0 ? canonicalJson(key.map((column) => row[column])) : undefined;
}
