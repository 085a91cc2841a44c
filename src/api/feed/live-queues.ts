import type { FeedRunState } from '../../db/feed/feed.ts';
import { FeedQueue } from '../../db/feed/feed-queue.ts';
import type { LiveItem } from '../../db/followers/announcements.ts';
import type { Follower } from '../../db/followers/follower.ts';
import { hasEnded } from '../../db/followers/run-source.ts';
import { MAX_BUFFERED } from '../../db/followers/subscriber.ts';

/**
 * Time to wait for the last pieces of an answer, since the end of the run may be read before they
 * arrive.
 */
const LAST_PIECES_MS = 200;

type Observed<State> = Pick<Follower<never, never, State>, 'observe'>;

/**
 * Follows the state of a run: the current state first, then later states as they come. Ends after a
 * final state.
 */
export function followStates(
  runs: Observed<FeedRunState>,
  id: string,
): AsyncIterableIterator<FeedRunState, undefined> {
  const queue = new FeedQueue<FeedRunState>({ onClose: () => leave() });
  let marker: string | undefined;
  const leave = runs.observe(id, {
    onState(state) {
      if (state && state.marker !== marker) {
        marker = state.marker;
        queue.replace(state); // a slow subscriber needs only the newest state
      }
      if (!state || hasEnded(state)) queue.end();
    },
    close: () => queue.end(),
  });
  return queue;
}

export type LiveOptions<State, Item> = {
  /** Returns the item for the subscriber; undefined if it does not want this one. */
  pick(item: LiveItem): Item | undefined;
  /** Returns whether no further item is to be expected. */
  isOver(state: State): boolean;
  /** The rows that the subscriber gets first. */
  first: readonly Item[];
};

/**
 * Follows what happens in a run or a tree and is not stored. A slow subscriber loses some. Ends a
 * moment after the run.
 */
export function followLive<State, Item>(
  follower: Observed<State>,
  id: string,
  { pick, isOver, first }: LiveOptions<State, Item>,
): AsyncIterableIterator<Item, undefined> {
  const queue = new FeedQueue<Item>({ onClose: () => leave() });
  const leave = follower.observe(id, {
    onState(state) {
      if (state === undefined || isOver(state)) setTimeout(() => queue.end(), LAST_PIECES_MS);
    },
    onLive(item) {
      const picked = pick(item);
      if (picked !== undefined && queue.size < MAX_BUFFERED) queue.push(picked);
    },
    close: () => queue.end(),
  });
  for (const item of first) queue.push(item);
  return queue;
}
