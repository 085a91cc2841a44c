import type { Feed, MessageCursor, SessionRow } from '../feed/feed.ts';
import { rowBytes } from './row-bytes.ts';
import type { Source } from './source.ts';

type SessionState = { liveRun: string | null };

/**
 * The messages of sessions. Announcements name a session (it has a new run) or its live run (the
 * run has committed). A session has no end. Its subscriptions end when it is deleted.
 */
export function sessionSource(feed: Feed): Source<MessageCursor, SessionRow, SessionState> {
  return {
    async states(ids) {
      const live = await feed.liveRuns(ids);
      return new Map([...live].map(([id, liveRun]) => [id, { liveRun }]));
    },
    watched: ({ liveRun }) => (liveRun === null ? [] : [liveRun]),
    async read(requests, most) {
      const cursors = requests.map(({ key, after }) => [key, after] as const);
      const { rows, isCut } = await feed.messagesAfter(cursors, most);
      const byPlace = Map.groupBy(rows, ({ place }) => place);
      return requests.map((_request, index) => {
        const found = byPlace.get(index + 1) ?? []; // places count from 1
        return { rows: found, next: found.length === most || isCut ? 'more' : 'wait' };
      });
    },
    cursorOf: (row) => row.cursor,
    placeOf: (cursor) => JSON.stringify(cursor),
    bytesOf: rowBytes,
  };
}
