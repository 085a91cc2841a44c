import type { View, Viewer } from '../followers/source.ts';
import type { Condition } from '../queries/row-collection.ts';
import { formatListCursor, type ListCursor } from './list-cursor.ts';
import type { ListRow, ShownRow } from './list-rows.ts';

/** Most rows whose sent state a subscriber remembers. */
const MAX_KNOWN = 5_000;
/** Time after which a quiet list sends its cursor, so that clients do not resume from far back. */
const SYNC_MS = 15_000;

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
  watching: Viewer;
  where: readonly Condition[];
  after: ListCursor;
  /**
   * The digest of each row that the client has, by id. Undefined when a client resumes, since its
   * rows are not known here.
   */
  known: ReadonlyMap<string, string> | undefined;
}>;

/**
 * The events of a list for one subscriber. It remembers the rows that it has sent. It skips a
 * change that does not alter the shown row, and removes only rows that the client may have. The
 * client may have any row that existed before it resumed, and any row that the subscriber has
 * forgotten.
 */
export class ListView implements View<ListRow, ListEvent> {
  readonly viewer: Viewer;
  readonly onClose: () => void;
  /** The digest of each row that was sent, or null for one that was removed. */
  readonly #known: Map<string, string | null>;
  /** Rows created before this time of the database may be at the client, unknown to us. */
  #unknownBefore: number;
  #syncedAt = 0;

  constructor({ watching, known }: Pick<ListFollower, 'watching' | 'known'>, onClose: () => void) {
    this.viewer = watching;
    this.onClose = onClose;
    this.#known = new Map(known);
    this.#unknownBefore = known ? 0 : Number.POSITIVE_INFINITY;
  }

  /** The ids of the rows that the client has, as far as they are known. */
  get shownIds(): string[] {
    return [...this.#known].flatMap(([id, version]) => (version === null ? [] : id));
  }

  show(row: ListRow, isSeen: (run: string) => boolean): ListEvent | undefined {
    if (row.of === 'change') return this.#change(row, isSeen(row.change.execution_id));
    if (row.of === 'end') return this.#sync(row);
    const { id, run } = row;
    const isShown = run !== undefined && isSeen(run);
    if (isShown || typeof this.#known.get(id) !== 'string') return undefined;
    this.#note(id, null, this.#unknownBefore);
    return { type: 'removed', id, cursor: undefined };
  }

  bytesOf(event: ListEvent): number {
    return event.type === 'changed' ? event.shown.bytes : 0;
  }

  #change(
    { change, shown, now }: Extract<ListRow, { of: 'change' }>,
    isSeen: boolean,
  ): ListEvent | undefined {
    const { id, created_at } = change;
    const known = this.#known.get(id);
    if (shown && isSeen) {
      if (known === shown.version) return undefined;
      this.#note(id, shown.version, now);
      return { type: 'changed', id, cursor: formatListCursor(change.cursor), shown };
    }
    const mayHave =
      known === undefined
        ? isSeen && created_at.getTime() < this.#unknownBefore
        : typeof known === 'string';
    if (!mayHave) return undefined;
    this.#note(id, null, now);
    return { type: 'removed', id, cursor: formatListCursor(change.cursor) };
  }

  #sync({ synced, isComplete, now }: Extract<ListRow, { of: 'end' }>): ListEvent | undefined {
    if (!isComplete) return undefined;
    if (this.#unknownBefore > now) this.#unknownBefore = now; // has resumed
    if (Date.now() - this.#syncedAt <= SYNC_MS) return undefined;
    this.#syncedAt = Date.now();
    return { type: 'synced', cursor: formatListCursor(synced) };
  }

  #note(id: string, version: string | null, readAt: number): void {
    this.#known.delete(id); // the newest is last
    this.#known.set(id, version);
    if (this.#known.size <= MAX_KNOWN) return;
    for (const oldest of this.#known.keys()) {
      this.#known.delete(oldest);
      break;
    }
    this.#unknownBefore = readAt;
  }
}
