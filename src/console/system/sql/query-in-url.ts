export const DEFAULT_ROWS = 200;
export const MAX_ROWS = 1_000;

/** A query and the number of rows to show. */
export type ShownQuery = { query: string; limit: number };

/**
 * Returns the query of the URL's fragment, which browsers send to no server. It is not run: the
 * person reads it first.
 */
export function queryInUrl(): ShownQuery | undefined {
  const fragment = new URLSearchParams(window.location.hash.slice(1));
  const query = fragment.get('query');
  if (query === null) return undefined;
  const limit = Number(fragment.get('limit'));
  return { query, limit: limit >= 1 && limit <= MAX_ROWS ? Math.trunc(limit) : DEFAULT_ROWS };
}

/** Puts a query into the URL, so that a link or a reload shows it. */
export function putQueryInUrl({ query, limit }: ShownQuery): void {
  const fragment = new URLSearchParams({ query, limit: String(limit) });
  window.history.replaceState(window.history.state, '', `#${fragment}`);
}
