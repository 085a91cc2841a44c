import type { VolatileFields } from '../../contracts/runs/preview.ts';
import type { CapturedChanges, TableChange } from '../../db/sql-tools/captured-changes.ts';
import { canonicalJson } from '../../json/canonical-json.ts';
import { isJsonObject, type Json, type JsonObject } from '../../json/json.ts';

/**
 * Returns the fields that differ between two calls over the same rows. They will have another value
 * with the real call, too.
 */
export function volatileFields(first: CapturedChanges, second: CapturedChanges): VolatileFields {
  const others = new Map(second.tables.map((table) => [nameOf(table), table]));
  const columns = first.tables.flatMap((table): [string, string[]][] => {
    const name = nameOf(table);
    if (table.left_out === 'rows') return []; // only some rows, and not always the same
    const differing = columnsThatDiffer(table.after ?? [], others.get(name)?.after ?? []);
    return differing.length > 0 ? [[name, differing]] : [];
  });
  const result = namesThatDiffer(
    leavesOf(first.value).map(({ pattern, value }) => [pattern, value]),
    leavesOf(second.value).map(({ pattern, value }) => [pattern, value]),
  );
  return { columns: Object.fromEntries(columns), result };
}

export function nameOf({ schema, name }: TableChange): string {
  return `${schema}.${name}`;
}

type Leaf = { path: string; pattern: string; value: Json };

/**
 * Returns every value of a result that is no list and no object. The pattern is the same for all
 * entries of a list.
 */
export function leavesOf(value: Json, path = 'result', pattern = path): Leaf[] {
  if (Array.isArray(value)) {
    return value.flatMap((entry, at) => leavesOf(entry, `${path}.${at}`, `${pattern}.*`));
  }
  return isJsonObject(value)
    ? Object.entries(value).flatMap(([key, entry]) =>
        leavesOf(entry, `${path}.${key}`, `${pattern}.${key}`),
      )
    : [{ path, pattern, value }];
}

function columnsThatDiffer(one: readonly JsonObject[], other: readonly JsonObject[]): string[] {
  return namesThatDiffer(one.flatMap(Object.entries), other.flatMap(Object.entries));
}

/** Returns the names whose values differ between the sides, regardless of their order. */
function namesThatDiffer(
  one: readonly [name: string, value: Json][],
  other: readonly [name: string, value: Json][],
): string[] {
  const [left, right] = [valuesByName(one), valuesByName(other)];
  const names = [...new Set([...left.keys(), ...right.keys()])];
  return names.filter((name) => left.get(name)?.sort().join() !== right.get(name)?.sort().join());
}

function valuesByName(entries: readonly [name: string, value: Json][]): Map<string, string[]> {
  const values = new Map<string, string[]>();
  for (const [name, value] of entries) {
    const list = values.get(name) ?? [];
    list.push(canonicalJson(value));
    values.set(name, list);
  }
  return values;
}
