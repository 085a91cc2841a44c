import type { StreamEvent } from '../../contracts/runs/stream-event.ts';
import type { Queryable } from '../../db/connection/pool.ts';
import {
  beginList,
  followListFeed,
  type ListStart,
  type OpenedList,
} from '../../db/lists/follow-list.ts';
import {
  type FollowedCollection,
  isUsableCursor,
  type WatchedList,
} from '../../db/lists/list-changes.ts';
import { parseListCursor } from '../../db/lists/list-cursor.ts';
import type { ListFeed } from '../../db/lists/list-feed.ts';
import type { ListEvent } from '../../db/lists/list-view.ts';
import type { JsonObject } from '../../json/json.ts';
import { RequestRefusal } from '../../resources/request-refusal.ts';
import { onAbort } from '../http/on-abort.ts';
import type { Identity } from '../login/auth-result.ts';

/** A list to follow, with the cursor to continue from or the number of rows to start with. */
export type ListQuery = ListStart & { after: string | undefined };

/**
 * Opens a list as the caller. Throws `HWINV` for a cursor that cannot be continued from.
 */
export async function openList(db: Queryable, { after, ...query }: ListQuery): Promise<OpenedList> {
  if (after === undefined) return beginList(db, query);
  const cursor = parseListCursor(after);
  if (!cursor || !(await isUsableCursor(db, cursor))) throw unusableCursor(after);
  const { list, where } = query;
  return { list, where, first: [], after: cursor, known: undefined };
}

/**
 * Reads the part of rows that differs by caller, as the caller. Subscribers share the other part.
 */
export type ReadOwnPart = (ids: readonly string[]) => Promise<ReadonlyMap<string, JsonObject>>;

/** Formats the events of a list as Server-Sent Events, until the signal fires. */
export async function* listEvents(
  lists: ListFeed,
  identity: Identity,
  opened: OpenedList,
  { signal, readOwn }: { signal: AbortSignal; readOwn?: ReadOwnPart | undefined },
): AsyncGenerator<StreamEvent, void> {
  const events = followListFeed(lists, identity, opened);
  const cancel = onAbort(signal, () => void events.return?.());
  try {
    const ids = opened.first.flatMap((event) => (event.type === 'changed' ? [event.id] : []));
    const firstParts = readOwn && ids.length > 0 ? await readOwn(ids) : undefined;
    for await (const event of events) {
      const made = streamEventOf(opened.list, event);
      if (!readOwn || event.type !== 'changed') yield made;
      else {
        const parts = event.cursor === undefined ? firstParts : await readOwn([event.id]);
        yield withOwnPart(opened.list, made, parts?.get(event.id));
      }
    }
  } finally {
    cancel();
    await events.return?.();
  }
}

/** The name of a row of each list, and of the field with its id. */
const NAMES = {
  executions: { row: 'execution', id: 'execution_id' },
  questions: { row: 'question', id: 'question_id' },
  watched_rows: { row: 'watched_row', id: 'execution_id' },
} as const satisfies Readonly<Record<WatchedList, { row: StreamEvent['event']; id: string }>>;

function withOwnPart(
  { table }: FollowedCollection,
  event: StreamEvent,
  part: JsonObject | undefined,
): StreamEvent {
  const { row } = NAMES[table];
  return {
    ...event,
    data: { ...event.data, [row]: { ...(event.data[row] as JsonObject), ...part } },
  };
}

/** The event of each row, because many streams send the same one. */
const formatted = new WeakMap<object, StreamEvent>();

function streamEventOf({ table }: FollowedCollection, event: ListEvent): StreamEvent {
  const id = event.cursor === undefined ? {} : { id: event.cursor };
  if (event.type === 'synced') return { event: 'synced', ...id, data: {} };
  const names = NAMES[table];
  if (event.type === 'removed') return { event: 'removed', ...id, data: { [names.id]: event.id } };
  const known = formatted.get(event.shown);
  if (known && known.id === event.cursor) return known;
  const { row, version } = event.shown;
  const data: JsonObject = { [names.id]: event.id, version, [names.row]: row as JsonObject };
  const made: StreamEvent = { event: names.row, ...id, data };
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
