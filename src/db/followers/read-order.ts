/** A cursor with the subscribers that continue from it. */
export type CursorGroup = {
  /** True if its subscribers may lack many rows. */
  isBehind: boolean;
  /** The number of the last read that served it. */
  servedAt: number;
};

/** Most rows after the cursors of subscribers that are behind, in one query. */
export const MAX_ROWS = 2_000;

/** The bounds of one query. */
export type ReadBounds = Readonly<{
  /** Cursors of subscribers that had everything at the last read, and rows after each. */
  newCursors: number;
  newRows: number;
  /** Rows after one cursor of a subscriber that is behind: at least, and at most. */
  leastOldRows: number;
  mostOldRows: number;
}>;

/** Returns the bounds of a source whose cursors share reads, of `rows` rows each. */
export function equalBounds(rows: number): ReadBounds {
  const newCursors = Number.POSITIVE_INFINITY;
  return { newCursors, newRows: rows, leastOldRows: rows, mostOldRows: rows };
}

const BOUNDS = { newCursors: 200, newRows: 10, leastOldRows: 10, mostOldRows: 200 };

/** One query of a read: the groups that it reads, and the limit of rows for each of them. */
export type PlannedQuery<Group> = { groups: readonly Group[]; most: number };

/**
 * Plans one read: what is new for all subscribers that had everything at the last read, then older
 * rows in one query. Many subscribers may begin with old rows at the same time. Without the bound,
 * a new row would wait for all of them. Groups behind share the rows of the query, and those that
 * were served longest ago come first. So what one read left comes first in the next.
 */
export function planRead<Group extends CursorGroup>(
  groups: readonly Group[],
  { newCursors, newRows, leastOldRows, mostOldRows }: ReadBounds = BOUNDS,
): { queries: PlannedQuery<Group>[]; later: Group[] } {
  const { current = [], behind = [] } = Object.groupBy(groups, ({ isBehind }) =>
    isBehind ? 'behind' : 'current',
  );
  const queries: PlannedQuery<Group>[] = [];
  for (let from = 0; from < current.length; from += newCursors) {
    queries.push({ groups: current.slice(from, from + newCursors), most: newRows });
  }
  const waiting = behind.toSorted((a, b) => a.servedAt - b.servedAt);
  const share = Math.floor(MAX_ROWS / waiting.length);
  const most = Math.min(mostOldRows, Math.max(leastOldRows, share));
  const due = waiting.splice(0, Math.floor(MAX_ROWS / most));
  if (due.length > 0) queries.push({ groups: due, most });
  return { queries, later: waiting };
}
