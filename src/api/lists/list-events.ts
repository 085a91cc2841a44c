import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import { currentCursor, isUsableCursor } from '../../db/feed/list-changes.ts';
import { readListCursor } from '../../db/feed/list-cursor.ts';
import type { Client } from '../../db/queries/json-rows.ts';
import { type Condition, listRows } from '../../db/queries/row-collection.ts';
import type { JsonObject } from '../../json/json.ts';
import { RequestRefusal } from '../errors/request-refusal.ts';
import { onAbort } from '../http/on-abort.ts';
import type { Identity } from '../login/auth-result.ts';
import { type FollowedCollection, type ListFeed, shownRowOf } from './list-feed.ts';
import type { ListEvent, ListFollower } from './list-subscriber.ts';

/** A list to follow, with the cursor to continue from or the number of rows to start with. */
export type ListQuery = {
  list: FollowedCollection;
  where: readonly Condition[];
  after: string | undefined;
  first: number;
};

/** An open list: the events of its newest rows, and the position from which it is followed. */
export type OpenedList = { list: FollowedCollection; first: ListEvent[] } & Pick<
  ListFollower,
  'where' | 'after' | 'known'
>;

/**
 * Opens a list as the caller. Without a cursor, reads its newest rows, the oldest of them first.
 * Throws `HWINV` for a cursor that cannot be continued from.
 */
export async function openList(db: Client, query: ListQuery): Promise<OpenedList> {
  const { list, where } = query;
  const cursor = query.after === undefined ? undefined : readListCursor(query.after);
  if (query.after !== undefined) {
    if (!cursor || !(await isUsableCursor(db, cursor))) throw unusableCursor(query.after);
    return { list, where, first: [], after: cursor, known: undefined };
  }
  const after = await currentCursor(db); // before the rows, so that no change is missed
  const { rows } =
    query.first === 0 ? { rows: [] } : await listRows(db, list, { where, limit: query.first });
  const shown = rows.toReversed().map((row) => shownRowOf(row));
  const first = shown.map((one): ListEvent => {
    return { type: 'changed', id: one.row.id, cursor: undefined, shown: one };
  });
  const known = new Map(shown.map(({ row, version }) => [row.id, version]));
  return { list, where, first, after, known };
}

/** Yields the events of an opened list, until the consumer leaves. */
export function followList(
  lists: ListFeed,
  { tenantId, userId, role }: Pick<Identity, 'tenantId' | 'userId' | 'role'>,
  { list, first, where, after, known }: OpenedList,
): AsyncIterableIterator<ListEvent, undefined> {
  const events = lists.follow(list, { watching: { tenantId, userId, role }, where, after, known });
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

/** Formats the events of a list as Server-Sent Events, until the signal fires. */
export async function* listEvents(
  lists: ListFeed,
  identity: Identity,
  opened: OpenedList,
  signal: AbortSignal,
): AsyncGenerator<StreamEvent, void> {
  const events = followList(lists, identity, opened);
  const cancel = onAbort(signal, () => void events.return?.());
  try {
    for await (const event of events) yield streamEventOf(opened.list, event);
  } finally {
    cancel();
    await events.return?.();
  }
}

/** The event of each row, because many streams send the same one. */
const formatted = new WeakMap<object, StreamEvent>();

function streamEventOf({ table }: FollowedCollection, event: ListEvent): StreamEvent {
  const id = event.cursor === undefined ? {} : { id: event.cursor };
  if (event.type === 'synced') return { event: 'synced', ...id, data: {} };
  const name = table === 'executions' ? 'execution' : 'question';
  if (event.type === 'removed')
    return { event: 'removed', ...id, data: { [`${name}_id`]: event.id } };
  const known = formatted.get(event.shown);
  if (known && known.id === event.cursor) return known;
  const { row, version } = event.shown;
  const data: JsonObject = { [`${name}_id`]: event.id, version, [name]: row as JsonObject };
  const made: StreamEvent = { event: name, ...id, data };
  formatted.set(event.shown, made);
  return made;
}

function unusableCursor(after: string): RequestRefusal {
  return new RequestRefusal(
    400,
    `${after} is not a cursor of this list that can be continued from`,
    {
      hint: 'Leave it out, and replace the rows you have by those you get. A cursor is the id of an event of this list, and of this database.',
      detail: { field: 'after' },
    },
  );
}
