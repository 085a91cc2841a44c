import type { FollowedFilter, ListPlace, ListRow } from './list-rows.ts';
import type { ListReads } from './list-source.ts';

/** The time between two searches for rows that are gone or hidden, which no change announces. */
const SWEEP_MS = 10_000;
/** The same time while the list rests. */
const RESTING_SWEEP_MS = 50_000;

/** Returns the rows that the clients have, if it is time to look for those gone or hidden. */
export async function checksOf(
  filter: FollowedFilter,
  place: ListPlace,
  { runsOf, restMs }: Pick<ListReads, 'runsOf'> & { restMs: number },
): Promise<ListRow[]> {
  const now = Date.now();
  if (now - filter.sweptAt <= (restMs > 0 ? RESTING_SWEEP_MS : SWEEP_MS)) return [];
  filter.sweptAt = now;
  const ids = [...new Set([...filter.views].flatMap(({ shownIds }) => shownIds))];
  const runs = await runsOf(ids);
  return ids.map((id) => ({ of: 'check', place, id, run: runs.get(id) }));
}
