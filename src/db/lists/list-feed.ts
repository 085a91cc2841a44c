import { createHash } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import type { Watching } from '../access/subjects.ts';
import type { DecryptRunRows } from '../connection/decrypt-results.ts';
import type { Queryable } from '../connection/pool.ts';
import { POLL_MS, RESTS_PER_READ } from '../feed/follow-log.ts';
import {
  type ChangesRead,
  type FollowedCollection,
  type ListedRow,
  readChanges,
  runsOf,
} from './list-changes.ts';
import {
  type ListEvent,
  type ListFollower,
  ListSubscriber,
  type Offer,
  type ShownRow,
} from './list-subscriber.ts';

/** The time between two searches for rows that are gone or hidden, which no change announces. */
const SWEEP_MS = 10_000;

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
  onShown(watching: Omit<Watching, 'id'>): void;
  /** Returns whether a failed read is to be repeated. */
  isTemporary(failure: unknown): boolean;
  /** The time between two reads, in milliseconds. The default is 500. */
  pollMs?: number | undefined;
};

/** Follows lists of rows. An event has the state of a row, or says that a row left the list. */
export type ListFeed = {
  follow(
    list: FollowedCollection,
    follower: ListFollower,
  ): AsyncIterableIterator<ListEvent, undefined>;
};

/**
 * Creates the feed. Each list of a tenant has one reader, however many subscribers it has.
 *
 * A read returns the changes that were committed after a cursor (list-cursor.ts). Subscribers with
 * the same cursor share the read. Subscribers that have all changes get one common cursor, so one
 * read usually serves all of them. A subscriber whose buffer is full keeps its cursor, and
 * continues from there when it has room.
 *
 * A subscriber gets the newest state of each row that has changed. States in between may be left
 * out. The states of one row come in order.
 */
export function createListFeed(options: ListFeedOptions): ListFeed {
  const readers = new Map<string, ListReader>();
  return {
    follow(list, follower) {
      const key = `${follower.watching.tenantId} ${list.table}`;
      const reader = readers.get(key) ?? new ListReader(list, follower, options);
      readers.set(key, reader);
      return reader.join(follower, () => {
        if (readers.get(key) === reader) readers.delete(key);
      });
    },
  };
}

/** Reads one list of a tenant while it has subscribers. */
class ListReader {
  readonly #list: FollowedCollection;
  readonly #tenantId: string;
  readonly #options: ListFeedOptions;
  readonly #subscribers = new Set<ListSubscriber>();
  #sweptAt = Date.now();
  #reading: Promise<void> | undefined;

  constructor(list: FollowedCollection, { watching }: ListFollower, options: ListFeedOptions) {
    this.#list = list;
    this.#tenantId = watching.tenantId;
    this.#options = options;
  }

  /** Adds a follower; `onEmpty` is called when the last follower has left. */
  join(follower: ListFollower, onEmpty: () => void): AsyncIterableIterator<ListEvent, undefined> {
    const subscriber = new ListSubscriber(follower, () => {
      this.#subscribers.delete(subscriber);
      if (this.#subscribers.size === 0) onEmpty();
    });
    this.#subscribers.add(subscriber);
    this.#reading ??= this.#read();
    return subscriber.events;
  }

  async #read(): Promise<void> {
    while (this.#subscribers.size > 0) {
      const started = Date.now();
      let isComplete = true;
      try {
        isComplete = await this.#readAll();
        if (started - this.#sweptAt > SWEEP_MS) await this.#sweep(started);
      } catch (failure) {
        if (!this.#options.isTemporary(failure))
          for (const one of this.#subscribers) one.fail(failure);
      }
      const rest = (Date.now() - started) * RESTS_PER_READ;
      await pause(isComplete ? Math.max(this.#options.pollMs ?? POLL_MS, rest) : rest);
    }
    this.#reading = undefined;
  }

  /**
   * Reads once from each cursor, the most common one first. Returns whether no change is left.
   *
   * A cursor that a client sent may be forged, so no other subscriber continues from it. A filter
   * that fails ends only the streams that have it.
   */
  async #readAll(): Promise<boolean> {
    const reading = [...this.#subscribers].filter(({ hasRoom }) => hasRoom);
    const groups = [...Map.groupBy(reading, ({ cursor }) => cursor).values()];
    groups.sort((a, b) => b.length - a.length);
    let shared: ChangesRead['cursor'] | undefined;
    let isComplete = true;
    for (const group of groups) {
      const read = await this.#tryRead(group);
      if (!read) {
        const parts = [...Map.groupBy(group, ({ filter }) => filter).values()];
        if (parts.length > 1) groups.push(...parts);
        continue;
      }
      const isResuming = group.some((one) => one.isResuming);
      // A later read contains the changes of an earlier one, so the earlier cursor suits both.
      if (read.isComplete) shared ??= isResuming ? read.newCursor : read.cursor;
      isComplete &&= read.isComplete;
      await this.#deliver(group, read, read.isComplete && shared ? shared : read.cursor);
    }
    return isComplete;
  }

  /** Reads for a group. Returns undefined if that fails, and ends a group with a single filter. */
  async #tryRead(group: readonly ListSubscriber[]): Promise<ChangesRead | undefined> {
    try {
      return await this.#readFor(group);
    } catch (failure) {
      if (this.#options.isTemporary(failure)) throw failure;
      if (followersByFilter(group).size === 1) for (const one of group) one.fail(failure);
      return undefined;
    }
  }

  async #readFor(group: readonly ListSubscriber[]): Promise<ChangesRead> {
    const { cursor } = group[0] as ListSubscriber;
    const filters = [...followersByFilter(group).values()].map(({ where }) => where);
    const read = await this.#options.transaction(this.#tenantId, (db) =>
      readChanges(db, this.#list, cursor, filters),
    );
    const { decryptRows } = this.#options;
    if (!decryptRows) return read;
    return { ...read, changes: await decryptRows(read.changes, (change) => change.execution_id) };
  }

  async #deliver(
    group: readonly ListSubscriber[],
    read: ChangesRead,
    end: ChangesRead['cursor'],
  ): Promise<void> {
    const places = [...followersByFilter(group).keys()];
    const shown = new Map(read.changes.map((change) => [change, shownRowOf(change.row)]));
    const ids = read.changes.map(({ execution_id }) => execution_id);
    const seenBy = this.#viewers();
    for (const subscriber of group) {
      const place = places.indexOf(subscriber.filter);
      const { watching } = subscriber.follower;
      const seen = await seenBy(watching, ids);
      const offers = read.changes.map((change): Offer => {
        const isSeen = seen.get(change.execution_id) === true;
        return { change, shown: change.matches.has(place) ? shown.get(change) : undefined, isSeen };
      });
      subscriber.take(offers, read, end);
      if (read.changes.length > 0) this.#options.onShown(watching);
    }
  }

  /** Creates a check of visibility that queries once for all callers with the same rights. */
  #viewers() {
    const known = new Map<string, Map<string, boolean>>();
    return async (
      watching: Omit<Watching, 'id'>,
      ids: readonly string[],
    ): Promise<ReadonlyMap<string, boolean>> => {
      const key = `${watching.userId} ${watching.role}`;
      const answers = known.get(key) ?? new Map<string, boolean>();
      known.set(key, answers);
      const missing = [...new Set(ids)].filter((id) => !answers.has(id));
      const seen = await Promise.all(missing.map((id) => this.#options.sees({ ...watching, id })));
      for (const [nth, id] of missing.entries()) answers.set(id, seen[nth] === true);
      return answers;
    };
  }

  /** Removes the rows that were deleted, or that a subscriber may not see any more. */
  async #sweep(now: number): Promise<void> {
    this.#sweptAt = now;
    const runs = new Map<string, string | undefined>();
    const seenBy = this.#viewers();
    for (const subscriber of [...this.#subscribers]) {
      const ids = subscriber.shownIds;
      await this.#findRuns(ids, runs);
      const seen = await seenBy(
        subscriber.follower.watching,
        ids.flatMap((id) => runs.get(id) ?? []),
      );
      for (const id of ids) if (!seen.get(runs.get(id) ?? '')) subscriber.remove(id);
      await nextTurn();
    }
  }

  /** Adds the run of each of these rows, or undefined for a row that no longer exists. */
  async #findRuns(ids: readonly string[], runs: Map<string, string | undefined>): Promise<void> {
    const missing = ids.filter((id) => !runs.has(id));
    if (missing.length === 0) return;
    const found = await this.#options.transaction(this.#tenantId, (db) =>
      runsOf(db, this.#list, missing),
    );
    for (const id of missing) runs.set(id, found.get(id));
  }
}

function followersByFilter(group: readonly ListSubscriber[]): Map<string, ListFollower> {
  return new Map(group.map(({ filter, follower }) => [filter, follower]));
}

/** Returns a row with the digest by which two states of it are compared. */
export function shownRowOf(row: ListedRow): ShownRow;
export function shownRowOf(row: ListedRow | undefined): ShownRow | undefined;
export function shownRowOf(row: ListedRow | undefined): ShownRow | undefined {
  if (!row) return undefined;
  const text = JSON.stringify(row);
  const version = createHash('sha256').update(text).digest('base64url').slice(0, 16);
  return { row, version, bytes: text.length };
}
