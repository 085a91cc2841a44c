import type { Watching } from '../access/subjects.ts';
import { Announcements, type Observer, type Owner } from './announcements.ts';
import { PollPause, type PollTimes } from './poll-pause.ts';
import { planRead } from './read-order.ts';
import type { ReadPage, ReadRequest, Source, View } from './source.ts';
import { Subscriber } from './subscriber.ts';
import { type VisibleTo, visibleRuns } from './visible-runs.ts';

export type FollowerOptions = PollTimes & {
  /** The announcements of ids. A source that is only polled needs none. */
  announcements?: Announcements;
  /** Returns whether a person sees a run. Required for sources with `runsOf`. Batches its calls. */
  sees?(watching: Watching): Promise<boolean>;
  /**
   * Called when a read fails. Returns whether the failure is temporary. Then the next poll or
   * reconnect reads again, else the subscriptions of the read end with the failure.
   */
  isTemporary(failure: unknown): boolean;
};

/** A key that somebody follows. */
type Followed<Cursor, Row, State> = Owner & {
  key: string;
  subscribers: Set<Subscriber<Cursor, Row, unknown>>;
  observers: Set<Observer<State>>;
  /** Set while the key rests between two reads. */
  rest: NodeJS.Timeout | undefined;
  isDue: boolean;
};

/** Subscribers at one cursor of a key. They get the same page. */
type Group<Cursor, Row, State> = ReadRequest<Cursor, State> & {
  followed: Followed<Cursor, Row, State>;
  to: Subscriber<Cursor, Row, unknown>[];
  isBehind: boolean;
  servedAt: number;
};

/**
 * Follows the rows of one source for many subscribers.
 *
 * An announcement, a new subscriber, the slow poll or a reconnect only says which keys to read. One
 * read runs at a time, for all keys that were requested by then. It first registers for their
 * announcements, so that whatever is committed after the read is announced. Then it reads rows from
 * the cursor of each subscriber that has room. So nothing is lost, and each subscriber gets each
 * row once, in order. A slow subscriber continues later from its own cursor.
 *
 * Following a key checks no rights: the caller has checked them. Rows that belong to runs which not
 * everybody sees are checked for all subscribers of a query at once (`runsOf`).
 */
export class Follower<Cursor, Row, State> {
  readonly #source: Source<Cursor, Row, State>;
  readonly #options: FollowerOptions;
  readonly #announcements: Announcements;
  readonly #followed = new Map<string, Followed<Cursor, Row, State>>();
  readonly #requested = new Set<Followed<Cursor, Row, State>>();
  readonly #pause: PollPause;
  #reading: Promise<void> | undefined;
  #reads = 0;
  #isClosed = false;

  constructor(source: Source<Cursor, Row, State>, options: FollowerOptions) {
    this.#source = source;
    this.#options = options;
    this.#pause = new PollPause(options);
    this.#announcements =
      options.announcements ?? new Announcements({ watch: async () => {}, onReleased() {} });
  }

  /** Subscribes to the rows of a key after a cursor, then to each new row. */
  follow(key: string, after: Cursor): AsyncIterableIterator<Row, undefined> {
    const { bytesOf = () => 0 } = this.#source;
    return this.followView(key, after, { bytesOf, show: (row) => row });
  }

  /** Subscribes to the events that a view makes of the rows of a key after a cursor. */
  followView<Event>(
    key: string,
    after: Cursor,
    view: View<Row, Event>,
  ): AsyncIterableIterator<Event, undefined> {
    const followed = this.#join(key);
    const subscriber = new Subscriber<Cursor, Row, Event>(
      {
        ...{ after, view, cursorOf: this.#source.cursorOf },
        onRoom: followed.request,
        onClose: () => this.#leave(followed, () => followed.subscribers.delete(one)),
      },
      this.#reads,
    );
    const one = subscriber as Subscriber<Cursor, Row, unknown>;
    followed.subscribers.add(one);
    if (this.#isClosed) subscriber.close();
    else followed.request();
    return subscriber.events;
  }

  /** Adds an observer of a key. Returns a function that removes it. */
  observe(key: string, observer: Observer<State>): () => void {
    const followed = this.#join(key);
    followed.observers.add(observer);
    if (this.#isClosed) observer.close();
    else followed.request();
    return () => this.#leave(followed, () => followed.observers.delete(observer));
  }

  /** Returns the ids whose announcements concern a key. */
  idsOf(key: string): Iterable<string> {
    const followed = this.#followed.get(key);
    return followed ? this.#announcements.idsOf(followed) : [];
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    const all = [...this.#followed.values()];
    return all.reduce(
      (sum, { subscribers, observers }) => sum + subscribers.size + observers.size,
      0,
    );
  }

  /** Ends the rest of the source, because something may have changed. */
  wake(): void {
    this.#pause.wake();
  }

  /** Requests a read of all keys. */
  requestAll(): void {
    for (const followed of this.#followed.values()) followed.request();
  }

  /** Ends all subscriptions. Resolves when no read runs. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#pause.endRest();
    for (const { subscribers, observers } of [...this.#followed.values()]) {
      for (const one of [...subscribers, ...observers]) one.close();
    }
    await this.#reading;
  }

  #join(key: string): Followed<Cursor, Row, State> {
    const known = this.#followed.get(key);
    if (known) return known;
    const followed: Followed<Cursor, Row, State> = {
      ...{ key, subscribers: new Set(), observers: new Set(), rest: undefined, isDue: false },
      request: () => this.#request(followed),
      offer(item) {
        for (const { onLive } of followed.observers) onLive?.(item);
      },
    };
    this.#followed.set(key, followed);
    this.#announcements.set(followed, new Set([key]));
    return followed;
  }

  /** Removes a subscriber or an observer. Forgets the key with the last of them. */
  #leave(followed: Followed<Cursor, Row, State>, remove: () => boolean): void {
    if (!remove() || followed.subscribers.size + followed.observers.size > 0) return;
    clearTimeout(followed.rest);
    this.#followed.delete(followed.key);
    this.#announcements.set(followed, new Set());
  }

  #request(followed: Followed<Cursor, Row, State>): void {
    if (followed.rest) followed.isDue = true;
    else this.#requested.add(followed);
    this.#pause.endRest();
    if (this.#requested.size > 0 && !this.#isClosed) this.#reading ??= this.#readAll();
  }

  /** Lets a key rest. Reads it afterwards if a read was requested meanwhile. */
  #rest(followed: Followed<Cursor, Row, State>, ms: number): void {
    if (ms === 0 || followed.rest) return;
    followed.isDue = this.#requested.delete(followed);
    followed.rest = setTimeout(() => {
      followed.rest = undefined;
      if (followed.isDue) followed.request();
    }, ms).unref();
  }

  async #readAll(): Promise<void> {
    await undefined; // collects the requests that come before this microtask
    const { pollMs, isTemporary } = this.#options;
    while (!this.#isClosed && this.#requested.size > 0) {
      const due = [...this.#requested].filter((one) => this.#followed.get(one.key) === one);
      this.#requested.clear();
      const started = Date.now();
      let hasFailed = false;
      try {
        if (due.length > 0) await this.#read(due);
      } catch (failure) {
        hasFailed = true;
        if (!isTemporary(failure)) for (const one of due) endWith(failure, one.subscribers);
      }
      if (pollMs !== undefined) {
        await this.#pause.wait({
          ms: Date.now() - started,
          hasMore: () => !hasFailed && this.#requested.size > 0,
          mayRestMs: () => (hasFailed || this.#isClosed ? 0 : (this.#source.mayRestMs?.() ?? 0)),
        });
        this.requestAll();
      } else if (hasFailed) break;
    }
    this.#reading = undefined;
  }

  async #read(due: readonly Followed<Cursor, Row, State>[]): Promise<void> {
    const announcements = this.#announcements;
    this.#reads += 1;
    await announcements.register(due);
    const states = await this.#source.states(due.map(({ key }) => key));
    const found = due.filter((one) => this.#setState(one, states.get(one.key)));
    const newlyWatched = await announcements.register(found);
    const groups = found.flatMap((one) => this.#groupsOf(one, states.get(one.key) as State));
    const { queries, later } = planRead(groups, this.#source.bounds);
    const again = later.map(({ followed }) => followed);
    for (const { groups: some, most } of queries) {
      const pages = await this.#source.read(some, most);
      again.push(...(await this.#deliver(some, pages)));
    }
    for (const one of found) {
      this.#rest(one, this.#source.restMs?.(states.get(one.key) as State) ?? 0);
    }
    // a run may have committed before its registration
    for (const one of [...again, ...newlyWatched]) one.request();
  }

  /** Passes a state on. Returns false, and ends the subscriptions, if there is none. */
  #setState(followed: Followed<Cursor, Row, State>, state: State | undefined): boolean {
    const { key, observers, subscribers } = followed;
    for (const { onState } of [...observers]) onState(state);
    if (state === undefined) {
      for (const one of [...subscribers]) one.close();
      return false;
    }
    const isFollowed = this.#followed.get(key) === followed;
    const further = this.#source.watched?.(state);
    if (isFollowed && further) this.#announcements.set(followed, new Set([key, ...further]));
    return isFollowed;
  }

  /** Returns the cursors of the subscribers that have room. */
  #groupsOf(followed: Followed<Cursor, Row, State>, state: State): Group<Cursor, Row, State>[] {
    const reading = [...followed.subscribers].filter(({ hasRoom }) => hasRoom);
    const byPlace = Map.groupBy(reading, ({ cursor }) => this.#source.placeOf(cursor));
    return [...byPlace.values()].map((to) => ({
      ...{ followed, key: followed.key, state, to, after: (to[0] as (typeof to)[0]).cursor },
      isBehind: to.every(({ isBehind }) => isBehind),
      servedAt: Math.min(...to.map(({ servedAt }) => servedAt)),
    }));
  }

  /** Gives each group its page. Returns the keys of which more rows exist. */
  async #deliver(
    groups: readonly Group<Cursor, Row, State>[],
    pages: readonly ReadPage<Row>[],
  ): Promise<Followed<Cursor, Row, State>[]> {
    const seenBy = await this.#visibleRuns(groups, pages);
    const again: Followed<Cursor, Row, State>[] = [];
    for (const [nth, { to, followed }] of groups.entries()) {
      const page = pages[nth];
      if (!page) continue;
      if ('failure' in page) {
        endWith(page.failure, to);
        continue;
      }
      for (const one of to) {
        if (page.rows.length > 0 || page.next !== 'more') one.servedAt = this.#reads;
        one.take(page, seenBy(one.view.viewer));
      }
      if (page.next === 'more' && to.some(({ hasRoom }) => hasRoom)) again.push(followed);
    }
    return again;
  }

  /** Checks the runs of all rows for all who get them. */
  async #visibleRuns(
    groups: readonly Group<Cursor, Row, State>[],
    pages: readonly ReadPage<Row>[],
  ): Promise<VisibleTo> {
    const { runsOf } = this.#source;
    const { sees } = this.#options;
    if (!runsOf || !sees) return () => () => true;
    const wanted = groups.flatMap(({ to }, nth) => {
      const page = pages[nth];
      const runs = page && 'rows' in page ? page.rows.flatMap(runsOf) : [];
      return runs.length > 0 ? to.map(({ view: { viewer } }) => ({ viewer, runs })) : [];
    });
    return visibleRuns(wanted, sees);
  }
}

/** Ends subscriptions with a failure, behind the events that are buffered. */
function endWith<Cursor, Row>(
  failure: unknown,
  subscribers: Iterable<Subscriber<Cursor, Row, unknown>>,
): void {
  for (const { events } of [...subscribers]) events.fail(failure);
}
