import type { JsonObject } from '../../json/json.ts';

/** A filter of a list that a person saved under a name. */
export type View = {
  id: string;
  name: string;
  /** The parameters of the URL of the list. */
  filter: JsonObject;
  is_shared: boolean;
  /** The person, or null for a key without a user. */
  saved_by: string | null;
};

/** Writes the filter of a view as the query of a URL. */
export function queryOf({ filter }: Pick<View, 'filter'>): string {
  const values = Object.entries(filter).map(([name, value]): [string, string] => [
    name,
    typeof value === 'string' ? value : JSON.stringify(value),
  ]);
  return new URLSearchParams(values).toString();
}

/** Returns whether two queries of URLs have the same parameters, in any order. */
export function isSameQuery(a: string, b: string): boolean {
  return sorted(a) === sorted(b);
}

function sorted(query: string): string {
  const search = new URLSearchParams(query);
  search.sort();
  return search.toString();
}
