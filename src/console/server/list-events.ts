/**
 * An event of a live list: rows that have changed and ids of rows that left the list, or `synced`.
 * The rows that the list begins with come before `synced`.
 */
export type ListEvent<Row> = {
  kind: 'changed' | 'removed' | 'synced' | 'gathered';
  rows: readonly (Row | null)[];
  removedIds: readonly string[];
};

/** A list that is followed: its rows, the newest first, and what is not complete yet. */
export type FollowedList<Row> = {
  rows: readonly Row[];
  /** The rows of a start that has not sent `synced` yet. They then replace the others. */
  starting: readonly Row[] | undefined;
  /** False until the first start is complete: until then the rows are only a part. */
  isComplete: boolean;
  /** True if the list has been full since its last start: there may be older rows. */
  wasFull: boolean;
};

/** Returns the list at a start: it shows its old rows until the new ones are complete. */
export function startList<Row>(last: FollowedList<Row> | undefined): FollowedList<Row> {
  const { rows, isComplete, wasFull } = last ?? { rows: [], isComplete: false, wasFull: false };
  return { rows, starting: [], isComplete, wasFull };
}

/**
 * Returns whether a list has to start anew: it was full, and so many rows left it that older rows
 * should fill it.
 */
export function isShort<Row>(list: FollowedList<Row> | undefined, most: number): boolean {
  return list?.wasFull === true && list.starting === undefined && list.rows.length < most / 2;
}

/**
 * Returns the list after an event. Ids are uuids of version 7, so their order is the order of
 * creation. At most `most` rows are kept.
 */
export function applyListEvent<Row extends { id: string }>(
  list: FollowedList<Row>,
  event: ListEvent<Row>,
  most: number,
): FollowedList<Row> {
  if (event.kind === 'synced') {
    if (list.starting === undefined) return list;
    const wasFull = list.starting.length >= most;
    return { rows: list.starting, starting: undefined, isComplete: true, wasFull };
  }
  const removed = new Set(event.removedIds);
  const change = (rows: readonly Row[]) =>
    event.rows
      .reduce<readonly Row[]>(
        (last, row) => (row ? place(last, row) : last),
        rows.filter(({ id }) => !removed.has(id)),
      )
      .slice(0, most);
  const rows = change(list.rows);
  return {
    ...list,
    rows,
    starting: list.starting === undefined ? undefined : change(list.starting),
    wasFull: list.wasFull || rows.length >= most,
  };
}

function place<Row extends { id: string }>(rows: readonly Row[], row: Row): Row[] {
  const others = rows.filter(({ id }) => id !== row.id);
  const at = others.findIndex(({ id }) => id < row.id);
  return at < 0 ? [...others, row] : [...others.slice(0, at), row, ...others.slice(at)];
}
