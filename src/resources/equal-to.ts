import type { Condition } from '../db/queries/row-collection.ts';

/**
 * Returns the conditions that columns equal the parameters of a query. Skips the parameters of
 * pages, because they are no columns.
 */
export function equalTo({
  limit: _,
  cursor: _cursor,
  ...query
}: Readonly<Record<string, unknown>>) {
  return Object.entries(query)
    .filter(([, value]) => value !== undefined)
    .map(([column, value]): Condition => [`t.${column} = ?`, value]);
}
