import { FeedQueue } from '../../db/feed/feed-queue.ts';

/**
 * Most rows buffered for a subscriber that does not take them. Further rows stay in the database.
 */
export const MOST_BUFFERED = 500;

/**
 * A subscriber of rows in an order, such as the messages of a session. The subscriber gets the rows
 * after its cursor, each once, in order.
 */
export type RowSubscriber<Row, Cursor> = {
  /** The rows for the subscriber. `return()` unsubscribes. */
  readonly events: AsyncIterableIterator<Row, undefined>;
  /** The position of the last row that the subscriber has. */
  readonly cursor: Cursor;
  /** True when the subscriber has room for the next rows. */
  readonly hasRoom: boolean;
  /** Adds the rows right after the cursor, in order. */
  push(rows: readonly Row[]): void;
  close(): void;
};

export type RowSubscriberOptions<Row, Cursor> = {
  /** Returns the position of a row. */
  cursorOf(row: Row): Cursor;
  /** Called when there is room again. */
  onRoom(): void;
  onClose(): void;
};

/** Follows rows after a cursor. */
export function followRows<Row, Cursor>(
  after: Cursor,
  { cursorOf, onRoom, onClose }: RowSubscriberOptions<Row, Cursor>,
): RowSubscriber<Row, Cursor> {
  const queue = new FeedQueue<Row>({
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
        cursor = cursorOf(row);
        queue.push(row);
      }
    },
    close: () => queue.end(),
  };
}
