import type { Feed } from '../../db/feed/feed.ts';

export type CoalescedReadsOptions = {
  /** Returns the connection of the hub, or undefined once it is closed. */
  feed(): Feed | undefined;
  /** Reads what is new of these ids. May request ids again. */
  read(feed: Feed, ids: readonly string[]): Promise<void>;
  onError(error: unknown): void;
};

/**
 * Reads what is new of runs, sessions or trees. One read runs at a time, for all ids that were
 * requested by then. Ids that are requested meanwhile share the next read.
 */
export class CoalescedReads {
  readonly #options: CoalescedReadsOptions;
  readonly #requested = new Set<string>();
  #reading: Promise<void> | undefined;

  constructor(options: CoalescedReadsOptions) {
    this.#options = options;
  }

  /** Requests a read of these ids. The read starts at once if none runs. */
  request(ids: Iterable<string>): void {
    for (const id of ids) this.#requested.add(id);
    if (this.#requested.size > 0) this.#reading ??= this.#readAll();
  }

  /** Resolves when no read runs. */
  async settle(): Promise<void> {
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    await undefined; // collects the requests that come before this microtask
    for (
      let feed = this.#options.feed();
      feed && this.#requested.size > 0;
      feed = this.#options.feed()
    ) {
      const ids = [...this.#requested];
      this.#requested.clear();
      try {
        await this.#options.read(feed, ids);
      } catch (error) {
        this.#options.onError(error); // the reconnect or the poll requests them again
        break;
      }
    }
    this.#reading = undefined;
  }
}
