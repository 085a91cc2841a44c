import type { MessageCursor, SessionRow } from '../../db/feed/feed.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';

/**
 * Most rows buffered for a subscriber that does not take them. Further rows stay in the database.
 */
const MOST_BUFFERED = 500;

/**
 * A subscriber of a session. The subscriber gets the messages after its cursor, each once, in
 * order. The subscription does not end by itself.
 */
export type SessionSubscriber = {
  /** The events for the subscriber. `return()` unsubscribes. */
  readonly events: AsyncIterableIterator<SessionRow, undefined>;
  /** The last message that the subscriber has. */
  readonly cursor: MessageCursor;
  /** True when the subscriber has room for the next messages. */
  readonly hasRoom: boolean;
  /** Adds the messages right after the cursor, in order. */
  push(rows: readonly SessionRow[]): void;
  close(): void;
};

/** Follows a session after a cursor. `onRoom` is called when there is room again. */
export function followMessages(
  after: MessageCursor,
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
