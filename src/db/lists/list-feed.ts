import type { Watching } from '../access/subjects.ts';
import type { DecryptRunRows } from '../connection/decrypt-results.ts';
import type { Queryable } from '../connection/pool.ts';
import { Follower } from '../followers/follower.ts';
import { POLL_MS } from '../followers/poll-pause.ts';
import type { Viewer } from '../followers/source.ts';
import { type FollowedCollection, readChanges, runsOf } from './list-changes.ts';
import type { FollowedFilter, ListPlace, ListRow } from './list-rows.ts';
import { type ListReads, listSource } from './list-source.ts';
import { type ListEvent, type ListFollower, ListView } from './list-view.ts';

export type ListFeedOptions = {
  /** Runs work in a transaction that sees the whole tenant, after waiting for admission. */
  transaction<T>(tenantId: string, work: (db: Queryable) => Promise<T>): Promise<T>;
  /** Returns whether a caller sees a run. Calls are batched. */
  sees(watching: Watching): Promise<boolean>;
  /** Decrypts contents that the transactions leave encrypted. */
  decryptRows?: DecryptRunRows | undefined;
  /**
   * Called after events were sent to a caller. Later reads of this caller must not use a replica
   * that is older.
   */
  onShown(watching: Viewer): void;
  /** Returns whether a failed read is to be repeated. */
  isTemporary(failure: unknown): boolean;
  /** The time between two reads, in milliseconds. The default is 500. */
  pollMs?: number | undefined;
  /**
   * The longest time between two reads while no run of the tenant is at work or due, in
   * milliseconds. Requires calls of `wake`. Without it, these lists are read as often as others.
   */
  restMs?: number | undefined;
};

/** Follows lists of rows. An event has the state of a row, or says that a row left the list. */
export type ListFeed = {
  follow(
    list: FollowedCollection,
    follower: ListFollower,
  ): AsyncIterableIterator<ListEvent, undefined>;
  /** Ends the rest of all lists, because something may have changed. */
  wake(): void;
};

/**
 * Creates the feed. Each list of a tenant has one follower, however many subscribers it has.
 *
 * A subscriber gets the newest state of each row that has changed. States in between may be left
 * out. The states of one row come in order.
 */
export function createListFeed(options: ListFeedOptions): ListFeed {
  const lists = new Map<string, TenantList>();
  return {
    wake() {
      for (const tenantList of lists.values()) tenantList.wake();
    },
    follow(list, follower) {
      const { tenantId } = follower.watching;
      const name = `${tenantId} ${list.table}`;
      const tenantList = lists.get(name) ?? new TenantList(tenantId, list, options);
      lists.set(name, tenantList);
      return tenantList.follow(follower, () => {
        if (lists.get(name) === tenantList) lists.delete(name);
      });
    },
  };
}

/** One followed list of a tenant. */
class TenantList {
  readonly #filters = new Map<string, FollowedFilter>();
  readonly #follower: Follower<ListPlace, ListRow, FollowedFilter>;
  readonly #onShown: ListFeedOptions['onShown'];

  constructor(tenantId: string, list: FollowedCollection, options: ListFeedOptions) {
    const { sees, isTemporary, pollMs = POLL_MS, restMs, onShown } = options;
    const source = listSource(readsOf(tenantId, list, options), this.#filters);
    this.#follower = new Follower(source, { sees, isTemporary, pollMs, restMs });
    this.#onShown = onShown;
  }

  wake(): void {
    this.#follower.wake();
  }

  /** Adds a subscriber; `onEmpty` is called when the last one has left. */
  follow(
    subscriber: ListFollower,
    onEmpty: () => void,
  ): AsyncIterableIterator<ListEvent, undefined> {
    const { where, after, known, watching } = subscriber;
    const key = JSON.stringify(where);
    const filter = this.#filters.get(key) ?? { where, views: new Set(), sweptAt: Date.now() };
    this.#filters.set(key, filter);
    const view = new ListView(subscriber, () => {
      filter.views.delete(view);
      if (filter.views.size === 0) this.#filters.delete(key);
      if (this.#filters.size === 0) onEmpty();
    });
    filter.views.add(view);
    const place = { cursor: after, isForeign: known === undefined };
    return this.#follower.followView(key, place, {
      viewer: watching,
      bytesOf: view.bytesOf,
      onClose: view.onClose,
      show: (row, isSeen) => {
        const event = view.show(row, isSeen);
        if (event) this.#onShown(watching);
        return event;
      },
    });
  }
}

function readsOf(
  tenantId: string,
  list: FollowedCollection,
  { transaction, decryptRows, isTemporary }: ListFeedOptions,
): ListReads {
  return {
    async changes(after, filters) {
      const read = await transaction(tenantId, (db) => readChanges(db, list, after, filters));
      if (!decryptRows) return read;
      return { ...read, changes: await decryptRows(read.changes, (one) => one.execution_id) };
    },
    runsOf: (ids) => transaction(tenantId, (db) => runsOf(db, list, ids)),
    isTemporary,
  };
}
