import type { FollowedFilter, ListPlace, ListRow } from './list-rows.ts';

/** The time between two searches for rows that are gone or hidden, which no change announces. */
const SWEEP_MS = 50_000;

/** Returns the rows that the clients have, if it is time to look for those gone or hidden. */
export async function checksOf(
  filter: FollowedFilter,
  place: ListPlace,
  runsOf: (ids: readonly string[]) => Promise<ReadonlyMap<string, string>>,
): Promise<ListRow[]> {
  const now = Date.now();
  if (now - filter.sweptAt <= SWEEP_MS) return [];
  filter.sweptAt = now;
  const ids = [...new Set([...filter.views].flatMap(({ shownIds }) => shownIds))];
  const runs = await runsOf(ids);
  return ids.map((id) => ({ of: 'check', place, id, run: runs.get(id) }));
}
