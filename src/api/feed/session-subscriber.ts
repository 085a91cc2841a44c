import type { SessionCursor, SessionRow } from '../../db/feed/feed.ts';
import { FeedQueue } from './feed-queue.ts';

/** Rows kept for a subscriber who does not take them; beyond that they stay in the database. */
const MOST_BUFFERED = 500;

/** One who follows a session. He gets the messages after his cursor, each once, in order; it does not end by itself. */
export type SessionSubscriber = {
  /** What he gets. `return()` leaves. */
  readonly events: AsyncIterableIterator<SessionRow, undefined>;
  /** The last message he has. */
  readonly cursor: SessionCursor;
  /** He takes the next ones now. */
  readonly hasRoom: boolean;
  /** The messages right after his cursor, in order. */
  push(rows: readonly SessionRow[]): void;
  close(): void;
};

/** Follows a session after a cursor. `onRoom` says that there is room again. */
export function followMessages(
  after: SessionCursor,
  { onRoom, onClose }: { onRoom(): void; onClose(): void },
): SessionSubscriber {
  const queue = new FeedQueue<SessionRow>({
    onTaken: (left) => {
      if (left === MOST_BUFFERED / 2) onRoom();
    },
    onClose,
  });
  let cursor = after;
  return {
    events: queue,
    get cursor() {
      return cursor;
    },
    get hasRoom() {
      return queue.size < MOST_BUFFERED;
    },
    push(rows) {
      for (const row of rows.slice(0, MOST_BUFFERED - queue.size)) {
        cursor = row.cursor;
        queue.push(row);
      }
    },
    close: () => queue.end(),
  };
}
