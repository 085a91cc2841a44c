import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { FeedRunState } from '../../db/feed/feed.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';
import type { FeedRow } from '../../db/feed/tree-rows.ts';
import { MOST_BUFFERED } from './row-subscriber.ts';

/**
 * Time to wait for the last pieces of an answer, since the end of the run may be read before they
 * arrive.
 */
export const LAST_PIECES_MS = 200;

/**
 * A subscriber of a run. The hub offers rows, and the subscriber takes those that are new to it.
 */
export type Subscriber<T> = {
  /** The events for the subscriber. `return()` unsubscribes. */
  readonly events: AsyncIterableIterator<T, undefined>;
  /**
   * Returns the seq of the last step that the subscriber has, if the subscriber wants the next
   * steps and has room for them.
   */
  wantsAfter(): number | undefined;
  /**
   * Offers steps of the run: any rows, in order of seq. Returns whether the subscriber took one of
   * them.
   */
  offerRows(rows: readonly FeedRow[]): boolean;
  /**
   * Offers the state of the run, or undefined if the run no longer exists. Called before the rows
   * up to this state are offered.
   */
  offerState(state: FeedRunState | undefined): void;
  /** Offers a piece of an answer of the run. */
  offerPiece(piece: TokenPiece): void;
  close(): void;
};

export type SubscriberEvents = {
  /** Called when there is room for more rows. */
  onRoom(): void;
  onClose(): void;
};

/**
 * Follows the steps of a run after a cursor: each step once, in order, without a gap. Ends after
 * the last step of the run.
 */
export function followSteps(after: number, events: SubscriberEvents): Subscriber<FeedRow> {
  const queue = new FeedQueue<FeedRow>({
    onTaken: (left) => {
      if (left === MOST_BUFFERED / 2) events.onRoom();
    },
    onClose: events.onClose,
  });
  let cursor = after;
  /** The last step of the run; undefined until the run has ended. */
  let last: number | undefined;
  const hasRoom = () => queue.size < MOST_BUFFERED;
  const endIfDone = () => {
    if (last !== undefined && cursor >= last) queue.end();
  };
  return {
    events: queue,
    wantsAfter: () => (hasRoom() && (last === undefined || cursor < last) ? cursor : undefined),
    offerRows(rows) {
      const before = cursor;
      for (const row of rows) {
        if (row.seq === cursor + 1 && hasRoom()) {
          cursor = row.seq;
          queue.push(row);
        }
      }
      endIfDone();
      return cursor > before;
    },
    offerState(state) {
      if (!state) last = 0;
      else last = hasEnded(state) ? state.step_count : undefined;
      endIfDone();
    },
    offerPiece: () => {},
    close: () => queue.end(),
  };
}

/**
 * Follows the state of a run: the current state first, then later states as they come. Ends after a
 * final state.
 */
export function followStates({ onClose }: SubscriberEvents): Subscriber<FeedRunState> {
  const queue = new FeedQueue<FeedRunState>({ onClose });
  let marker: string | undefined;
  return {
    events: queue,
    wantsAfter: () => undefined,
    offerRows: () => false,
    offerState(state) {
      if (state && state.marker !== marker) {
        marker = state.marker;
        queue.replace(state); // a slow subscriber needs only the newest state
      }
      if (!state || hasEnded(state)) queue.end();
    },
    offerPiece: () => {},
    close: () => queue.end(),
  };
}

/**
 * Follows the answers of a run while they stream. A slow subscriber loses pieces; the step will
 * have the whole answer.
 */
export function followTokens({ onClose }: SubscriberEvents): Subscriber<TokenPiece> {
  const queue = new FeedQueue<TokenPiece>({ onClose });
  return {
    events: queue,
    wantsAfter: () => undefined,
    offerRows: () => false,
    offerState(state) {
      if (!state || hasEnded(state)) setTimeout(() => queue.end(), LAST_PIECES_MS);
    },
    offerPiece(piece) {
      if (queue.size < MOST_BUFFERED) queue.push(piece);
    },
    close: () => queue.end(),
  };
}

/** Returns whether a run has ended. */
export function hasEnded({ status }: { status: string }): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
