import { FeedQueue } from '../../db/feed/feed-queue.ts';
import type { TreePosition, TreeRow } from '../../db/feed/tree-rows.ts';
import { isBefore } from '../../db/feed/tree-rows.ts';

/**
 * Most rows buffered for a subscriber that does not take them. Further rows stay in the database.
 */
const MOST_BUFFERED = 500;

/**
 * A subscriber of a tree. The subscriber gets the rows after its cursor, each once, in the order of
 * the tree. The subscription ends with the top run.
 */
export type TreeSubscriber = {
  /** The rows for the subscriber. `return()` unsubscribes. */
  readonly events: AsyncIterableIterator<TreeRow, undefined>;
  /** The position of the last row that the subscriber has. */
  readonly cursor: TreePosition;
  /** True when the subscriber has room for the next rows. */
  readonly hasRoom: boolean;
  /** Adds rows after the cursor, in order. Rows that the subscriber has are left out. */
  push(rows: readonly TreeRow[]): void;
  close(): void;
};

/** Follows a tree after a position. `onRoom` is called when there is room again. */
export function followTree(
  after: TreePosition,
  { onRoom, onClose }: { onRoom(): void; onClose(): void },
): TreeSubscriber {
  const queue = new FeedQueue<TreeRow>({
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
        if (!isBefore(cursor, row.at)) continue;
        cursor = row.at;
        queue.push(row);
      }
    },
    close: () => queue.end(),
  };
}
