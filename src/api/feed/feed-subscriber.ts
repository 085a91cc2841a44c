import type { TokenPiece } from '../../contracts/runs/step.ts';
import type { FeedRow, RunState } from '../../db/feed/feed.ts';
import { FeedQueue } from './feed-queue.ts';

/** Rows kept for a subscriber who does not take them; beyond that they stay in the database. */
const MOST_BUFFERED = 500;
/** A run's end may be read before the last pieces of its answer have arrived. */
const LAST_PIECES_MS = 200;

/** One who follows a run. The hub offers, the subscriber keeps what is new to him. */
export type Subscriber<T> = {
  /** What he gets. `return()` leaves. */
  readonly events: AsyncIterableIterator<T, undefined>;
  /** The seq of the last step he has, when he wants the next ones and has room for them. */
  wantsAfter(): number | undefined;
  /** Steps of his run; any rows, in order of seq. True when one of them was new to him. */
  offerRows(rows: readonly FeedRow[]): boolean;
  /** Where the run stands; nothing when it does not exist any more. Given before the rows up to there. */
  offerState(state: RunState | undefined): void;
  /** A piece of an answer of his run. */
  offerPiece(piece: TokenPiece): void;
  close(): void;
};

export type SubscriberEvents = {
  /** There is room again. */
  onRoom(): void;
  onClose(): void;
};

/** Follows the steps of a run after a cursor: each once, in order, without a gap; ends after the run's last one. */
export function followSteps(after: number, events: SubscriberEvents): Subscriber<FeedRow> {
  const queue = new FeedQueue<FeedRow>({
    onTaken: (left) => {
      if (left === MOST_BUFFERED / 2) events.onRoom();
    },
    onClose: events.onClose,
  });
  let cursor = after;
  let last = Number.POSITIVE_INFINITY;
  const hasRoom = () => queue.size < MOST_BUFFERED;
  const endIfDone = () => {
    if (cursor >= last) queue.end();
  };
  return {
    events: queue,
    wantsAfter: () => (hasRoom() && cursor < last ? cursor : undefined),
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
      last = state && !hasEnded(state) ? Number.POSITIVE_INFINITY : (state?.step_count ?? 0);
      endIfDone();
    },
    offerPiece: () => {},
    close: () => queue.end(),
  };
}

/** Follows the state of a run: the present one first, later ones as they come; ends after a final one. */
export function followStates({ onClose }: SubscriberEvents): Subscriber<RunState> {
  const queue = new FeedQueue<RunState>({ onClose });
  let marker: string | undefined;
  return {
    events: queue,
    wantsAfter: () => undefined,
    offerRows: () => false,
    offerState(state) {
      if (state && state.marker !== marker) {
        marker = state.marker;
        queue.replace(state); // who is slow needs only the newest
      }
      if (!state || hasEnded(state)) queue.end();
    },
    offerPiece: () => {},
    close: () => queue.end(),
  };
}

/** Follows the answers of a run while they stream. Who is slow loses pieces: the step will have all of it. */
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

function hasEnded({ status }: RunState): boolean {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}
