import type { Watching } from '../access/subjects.ts';
import type { Queryable } from '../connection/pool.ts';
import { type Condition, listRows } from '../queries/row-collection.ts';
import { currentCursor, type FollowedCollection } from './list-changes.ts';
import type { ListFeed } from './list-feed.ts';
import { shownRowOf } from './list-rows.ts';
import type { ListEvent, ListFollower } from './list-view.ts';

/**
 * A list to follow: its rows, and the number of rows to begin with. With `newest`, the number of
 * newest rows to keep to.
 */
export type ListStart = {
  list: FollowedCollection;
  where: readonly Condition[];
  first: number;
  newest?: number | undefined;
};

/** A list that was opened: the events of its newest rows, and from where it is followed. */
export type OpenedList = { list: FollowedCollection; first: ListEvent[] } & Pick<
  ListFollower,
  'where' | 'after' | 'known' | 'newest'
>;

/** Opens a list as the caller. Reads its newest rows, the oldest of them first. */
export async function beginList(
  db: Queryable,
  { list, where, first: limit, newest }: ListStart,
): Promise<OpenedList> {
  const after = await currentCursor(db); // before the rows, so that no change is missed
  const { rows } = limit === 0 ? { rows: [] } : await listRows(db, list, { where, limit });
  const shown = rows.toReversed().map((row) => shownRowOf(row));
  const first = shown.map((one): ListEvent => {
    return { type: 'changed', id: one.row.id, cursor: undefined, shown: one };
  });
  const known = new Map(shown.map(({ row, version }) => [row.id, version]));
  return { list, where, first, after, known, newest };
}

/** Yields the events of an opened list, until the consumer leaves. */
export function followListFeed(
  lists: ListFeed,
  { tenantId, userId, role }: Omit<Watching, 'id'>,
  { list, first, ...place }: OpenedList,
): AsyncIterableIterator<ListEvent, undefined> {
  const events = lists.follow(list, { watching: { tenantId, userId, role }, ...place });
  const waiting = first.values();
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const item = waiting.next();
      return item.done ? events.next() : { done: false, value: item.value };
    },
    async return() {
      return (await events.return?.()) ?? { done: true, value: undefined };
    },
  };
}
