import type { ChangedRow } from '../../contracts/runs/preview.ts';
import type { TableChange } from '../../db/sql-tools/captured-changes.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import type { JsonObject } from '../../json/json.ts';

/**
 * The rows of a table before and after, side by side where their key is the same. Without a key nobody can tell which became
 * which: then a row went and another one came.
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
