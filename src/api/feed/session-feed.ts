import type { Feed, MessageCursor, SessionRow } from '../../db/feed/feed.ts';
import { CoalescedReads } from './coalesced-reads.ts';
import { followRows, type RowSubscriber } from './row-subscriber.ts';

/** Bounds of one read: pairs of session and cursor, and messages of each. */
const PAIRS_PER_READ = 100;
const MESSAGES_PER_PAIR = 200;

type SessionSubscriber = RowSubscriber<SessionRow, MessageCursor>;

type Followed = {
  subscribers: Set<SessionSubscriber>;
  /** The run that was live at the last read. */
  run: string | undefined;
  /** The ids registered for the session: its own id and the id of that run. */
  registered: Set<string>;
};

type CursorGroup = { id: string; cursor: MessageCursor; to: SessionSubscriber[] };

export type SessionFeedOptions = {
  /** Returns the connection of the hub, or undefined once it is closed. */
  feed(): Feed | undefined;
  onError(error: unknown): void;
};

/**
 * The part of the hub that follows sessions.
 *
 * Announcements name a session (it has a new run) or its live run (the run has committed). Each
 * read first finds the live run and registers for it. Only then does it read messages from the
 * cursor of each subscriber. So whatever is committed after the read is announced. The slow poll of
 * the hub finds what was announced while nobody was registered.
 */
export class SessionFeed {
  readonly #options: SessionFeedOptions;
  readonly #sessions = new Map<string, Followed>();
  /** The session of each live run, by run. */
  readonly #runs = new Map<string, string>();
  readonly #reads: CoalescedReads;

  constructor(options: SessionFeedOptions) {
    this.#options = options;
    this.#reads = new CoalescedReads({ ...options, read: (feed, ids) => this.#read(feed, ids) });
  }

  /** The number of open subscriptions. */
  get subscriptions(): number {
    return [...this.#sessions.values()].reduce((sum, one) => sum + one.subscribers.size, 0);
  }

  /** Subscribes to the messages after a cursor, then to each new message. */
  follow(id: string, after: MessageCursor): AsyncIterableIterator<SessionRow, undefined> {
    const subscriber = followRows<SessionRow, MessageCursor>(after, {
      cursorOf: (row) => row.cursor,
      onRoom: () => this.#requestReads([id]),
      onClose: () => this.#leave(id, subscriber),
    });
    const followed = this.#sessions.get(id) ?? createFollowed();
    followed.subscribers.add(subscriber);
    this.#sessions.set(id, followed);
    this.#requestReads([id]);
    return subscriber.events;
  }

  /** Returns whether the feed needs the announcements of a run. */
  wants(run: string): boolean {
    return this.#runs.has(run);
  }

  /** Handles the announcement of a session or a run, which may be one that nobody follows here. */
  handleAnnouncement(id: string): void {
    this.#requestReads([this.#runs.get(id) ?? id]);
  }

  /** Requests a read of all sessions. With `register`, all registrations are renewed. */
  requestAll({ register }: { register: boolean }): void {
    if (register) {
      for (const { registered } of this.#sessions.values()) registered.clear();
    }
    this.#requestReads(this.#sessions.keys());
  }

  /** Ends all subscriptions. The hub closes its connection afterwards. */
  async close(): Promise<void> {
    for (const { subscribers } of [...this.#sessions.values()]) {
      for (const subscriber of [...subscribers]) subscriber.close();
    }
    await this.#reads.settle();
  }

  #leave(id: string, subscriber: SessionSubscriber): void {
    const followed = this.#sessions.get(id);
    if (!followed?.subscribers.delete(subscriber) || followed.subscribers.size > 0) return;
    this.#sessions.delete(id);
    if (followed.run) this.#runs.delete(followed.run);
    // The run may have followers of its own, so its registration stays: it expires, or the last
    // follower of the run ends it.
    this.#options.feed()?.unwatch([id]).catch(this.#options.onError);
  }

  #requestReads(ids: Iterable<string>): void {
    this.#reads.request([...ids].filter((id) => this.#sessions.has(id)));
  }

  async #read(feed: Feed, ids: readonly string[]): Promise<void> {
    const newlyRegistered = await this.#register(feed, ids);
    this.#requestReads([...(await this.#deliver(feed, ids)), ...newlyRegistered]);
  }

  /**
   * Registers for the sessions and their live runs. Returns the sessions for which an id was
   * registered now. They are read once more, because their live run was looked up before the
   * registration.
   */
  async #register(feed: Feed, ids: readonly string[]): Promise<string[]> {
    const live = await feed.liveRuns(ids);
    const missing = new Map<string, string>();
    for (const id of ids) {
      const followed = this.#sessions.get(id);
      const run = live.get(id);
      if (!followed) continue;
      // undefined: the session is gone; null: no run is live
      if (run === undefined) {
        for (const subscriber of [...followed.subscribers]) subscriber.close();
        continue;
      }
      this.#setLiveRun(id, followed, run ?? undefined);
      for (const what of run ? [id, run] : [id]) {
        if (!followed.registered.has(what)) missing.set(what, id);
      }
    }
    if (missing.size === 0) return [];
    await feed.watch([...missing.keys()]);
    for (const [what, id] of missing) this.#sessions.get(id)?.registered.add(what);
    return [...missing.values()];
  }

  #setLiveRun(id: string, followed: Followed, run: string | undefined): void {
    if (followed.run === run) return;
    if (followed.run) {
      this.#runs.delete(followed.run);
      followed.registered.delete(followed.run);
    }
    followed.run = run;
    if (run) this.#runs.set(run, id);
  }

  /**
   * Reads messages for all subscribers that have room. Returns the sessions of which a subscriber
   * may lack more messages.
   */
  async #deliver(feed: Feed, ids: readonly string[]): Promise<string[]> {
    const places = this.#placesIn(ids);
    const served: string[] = [];
    while (places.length > 0) {
      const some = places.splice(0, PAIRS_PER_READ);
      const rows = await feed.messagesAfter(
        some.map(({ id, cursor }) => [id, cursor]),
        MESSAGES_PER_PAIR,
      );
      for (const [place, messages] of Map.groupBy(rows, (row) => row.place)) {
        // places count from 1
        for (const subscriber of some[place - 1]?.to ?? []) subscriber.push(messages);
        served.push(some[place - 1]?.id ?? '');
      }
    }
    return served;
  }

  /**
   * Returns the cursors of the subscribers that have room. Subscribers at the same message get the
   * same rows.
   */
  #placesIn(ids: readonly string[]): CursorGroup[] {
    const places = new Map<string, CursorGroup>();
    for (const id of ids) {
      for (const subscriber of this.#sessions.get(id)?.subscribers ?? []) {
        if (!subscriber.hasRoom) continue;
        const { cursor } = subscriber;
        const key = `${id} ${JSON.stringify(cursor)}`;
        const place = places.get(key) ?? { id, cursor, to: [] };
        place.to.push(subscriber);
        places.set(key, place);
      }
    }
    return [...places.values()];
  }
}

function createFollowed(): Followed {
  return { subscribers: new Set(), run: undefined, registered: new Set() };
}
