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
  /** The number of newest rows to keep to; requires `known`. */
  newest?: number | undefined;
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
  readonly #newest: NewestRows | undefined;

  constructor(
    { watching, known, newest }: Pick<ListFollower, 'watching' | 'known' | 'newest'>,
    onClose: () => void,
  ) {
    this.#newest = newest === undefined ? undefined : new NewestRows(newest, known?.keys() ?? []);
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
      if (known === shown.version || this.#newest?.isOlder(id)) return undefined;
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
    if (version === null) this.#newest?.remove(id);
    else for (const older of this.#newest?.add(id) ?? []) this.#known.delete(older);
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

/**
 * The ids of the newest rows of a list, which the client keeps. Ids are uuids of version 7, so
 * their order is the order of creation.
 */
class NewestRows {
  readonly #most: number;
  /** The ids, the newest first. */
  #ids: string[] = [];
  /** The oldest id of the list when it was last full. Older rows are not sent. */
  #oldest = '';

  constructor(most: number, ids: Iterable<string>) {
    this.#most = most;
    for (const id of ids) this.add(id);
  }

  isOlder(id: string): boolean {
    return this.#most === 0 || id < this.#oldest;
  }

  /** Adds a row. Returns the rows that are not among the newest any more. */
  add(id: string): string[] {
    if (!this.#ids.includes(id)) {
      const at = this.#ids.findIndex((other) => other < id);
      this.#ids.splice(at < 0 ? this.#ids.length : at, 0, id);
    }
    const older = this.#ids.splice(this.#most);
    if (this.#ids.length === this.#most) this.#oldest = this.#ids.at(-1) ?? '';
    return older;
  }

  remove(id: string): void {
    this.#ids = this.#ids.filter((other) => other !== id);
  }
}
