import type { Watching } from '../access/subjects.ts';
import { FeedQueue } from '../feed/feed-queue.ts';
import type { Condition } from '../queries/row-collection.ts';
import type { ChangesRead, ListChange, ListedRow } from './list-changes.ts';
import { formatListCursor, type ListCursor } from './list-cursor.ts';

/** Most events and bytes buffered for a subscriber. Further changes stay in the database. */
const MOST_BUFFERED = 500;
const MOST_BYTES = 4_000_000;
/** Most rows whose sent state a subscriber remembers. */
const MOST_KNOWN = 5_000;
/** Time after which a quiet list sends its cursor, so that clients do not resume from far back. */
const SYNC_MS = 15_000;

/** A row as it is shown, the digest of that, and its size in bytes. */
export type ShownRow = Readonly<{ row: ListedRow; version: string; bytes: number }>;

/** An event of a list. */
export type ListEvent =
  /** The row is in the list, and is now as shown. */
  | { type: 'changed'; id: string; cursor: string | undefined; shown: ShownRow }
  /** The row is not in the list, or not any more. */
  | { type: 'removed'; id: string; cursor: string | undefined }
  /** The client has everything up to this cursor. */
  | { type: 'synced'; cursor: string };

/** The caller, the filter and the start position of a subscriber. */
export type ListFollower = Readonly<{
  watching: Omit<Watching, 'id'>;
  where: readonly Condition[];
  after: ListCursor;
  /**
   * The digest of each row that the client has, by id. Undefined when a client resumes, since its
   * rows are not known here.
   */
  known: ReadonlyMap<string, string> | undefined;
}>;

/** A change for a subscriber: the row if it matches the filter, and whether the caller sees it. */
export type Offer = Readonly<{ change: ListChange; shown: ShownRow | undefined; isSeen: boolean }>;

/**
 * A subscriber of a list. It takes changes in the order of the reader while it has room, and
 * continues later from the last one that it took.
 *
 * A subscriber remembers the rows that it has sent. It skips a change that does not alter the shown
 * row, and removes only rows that the client may have. The client may have any row that existed
 * before it resumed, and any row that the subscriber has forgotten.
 */
export class ListSubscriber {
  readonly follower: ListFollower;
  /** Identifies the filter among those of other subscribers. */
  readonly filter: string;
  readonly events: AsyncIterableIterator<ListEvent, undefined>;
  readonly #queue: FeedQueue<ListEvent | { failure: unknown }>;
  /** The digest of each row that was sent, or null for one that was removed. */
  readonly #known: Map<string, string | null>;
  /** Rows created before this time of the database may be at the client, unknown to us. */
  #unknownBefore: number;
  /** The time of the database at the last read. */
  #readAt = Number.POSITIVE_INFINITY;
  #cursor: ListCursor;
  #isResuming: boolean;
  #bytes = 0;
  #syncedAt = 0;

  constructor(follower: ListFollower, onClose: () => void) {
    this.follower = follower;
    this.filter = JSON.stringify(follower.where);
    this.#cursor = follower.after;
    this.#isResuming = follower.known === undefined;
    this.#known = new Map(follower.known);
    this.#unknownBefore = follower.known ? 0 : Number.POSITIVE_INFINITY;
    this.#queue = new FeedQueue({ onClose });
    this.events = this.#eventsOf(this.#queue);
  }

  get cursor(): ListCursor {
    return this.#cursor;
  }

  /** True while the cursor comes from the client: until everything after it has been read. */
  get isResuming(): boolean {
    return this.#isResuming;
  }

  get hasRoom(): boolean {
    return this.#queue.size < MOST_BUFFERED && this.#bytes < MOST_BYTES;
  }

  /** The ids of the rows that the client has, as far as they are known. */
  get shownIds(): string[] {
    return [...this.#known].flatMap(([id, version]) => (version === null ? [] : id));
  }

  /**
   * Takes the changes of a read while there is room. After the last one, continues from `end`.
   */
  take(offers: readonly Offer[], { cursor, isComplete, now }: ChangesRead, end: ListCursor): void {
    this.#readAt = now;
    for (const offer of offers) {
      if (!this.hasRoom) return;
      this.#takeOne(offer);
      this.#cursor = offer.change.cursor;
    }
    this.#cursor = end;
    // While resuming, sends the exact cursor. The shared one would repeat changes.
    const synced = this.#isResuming ? cursor : end;
    if (isComplete) this.#isResuming = false;
    if (isComplete && this.#unknownBefore > now) this.#unknownBefore = now; // has resumed
    if (isComplete && Date.now() - this.#syncedAt > SYNC_MS) {
      this.#syncedAt = Date.now();
      this.#queue.push({ type: 'synced', cursor: formatListCursor(synced) });
    }
  }

  /** Removes a row that is gone or that the caller may not see any more. */
  remove(id: string): void {
    if (typeof this.#known.get(id) !== 'string') return;
    this.#note(id, null);
    this.#queue.push({ type: 'removed', id, cursor: undefined });
  }

  /** Ends the subscription with an error. */
  fail(failure: unknown): void {
    this.#queue.push({ failure });
    this.#queue.end();
  }

  #takeOne({ change: { id, created_at, cursor }, shown, isSeen }: Offer): void {
    const known = this.#known.get(id);
    if (shown && isSeen) {
      if (known === shown.version) return;
      this.#note(id, shown.version);
      this.#bytes += shown.bytes;
      this.#queue.push({ type: 'changed', id, cursor: formatListCursor(cursor), shown });
      return;
    }
    const mayHave =
      known === undefined
        ? isSeen && created_at.getTime() < this.#unknownBefore
        : typeof known === 'string';
    if (!mayHave) return;
    this.#note(id, null);
    this.#queue.push({ type: 'removed', id, cursor: formatListCursor(cursor) });
  }

  #note(id: string, version: string | null): void {
    this.#known.delete(id); // the newest is last
    this.#known.set(id, version);
    if (this.#known.size <= MOST_KNOWN) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
    this.#unknownBefore = this.#readAt;
  }

  #eventsOf(
    queue: FeedQueue<ListEvent | { failure: unknown }>,
  ): AsyncIterableIterator<ListEvent, undefined> {
    return {
      [Symbol.asyncIterator]() {
        return this;
      },
      next: async () => {
        const item = await queue.next();
        if (item.done) return item;
        if ('failure' in item.value) {
          await queue.return();
          throw item.value.failure;
        }
        if (item.value.type === 'changed') this.#bytes -= item.value.shown.bytes;
        return { done: false, value: item.value };
      },
      async return() {
        await queue.return();
        return { done: true, value: undefined };
      },
    };
  }
}
