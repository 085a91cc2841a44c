import type { FollowedFilter, ListPlace, ListRow } from './list-rows.ts';

/** The time between two searches for rows that are gone or hidden, which no change announces. */
const SWEEP_MS = 10_000;
/** The same time while the list rests. */
const RESTING_SWEEP_MS = 50_000;

type Sweep = {
  /** Returns the runs of rows. Omits rows that no longer exist. */
  runsOf(ids: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** How long the list may rest. */
  restMs: number;
};

/** Returns the rows that the clients have, if it is time to look for those gone or hidden. */
export async function checksOf(
  filter: FollowedFilter,
  place: ListPlace,
  { runsOf, restMs }: Sweep,
): Promise<ListRow[]> {
  const now = Date.now();
  if (now - filter.sweptAt <= (restMs > 0 ? RESTING_SWEEP_MS : SWEEP_MS)) return [];
  filter.sweptAt = now;
  const ids = [...new Set([...filter.views].flatMap(({ shownIds }) => shownIds))];
  const runs = await runsOf(ids);
  return ids.map((id) => ({ of: 'check', place, id, run: runs.get(id) }));
}
