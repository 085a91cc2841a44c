import type { Feed } from '../../db/feed/feed.ts';

export type WakeUpsOptions = {
  /** Returns the connection of the hub, or undefined once it is closed. */
  feed(): Feed | undefined;
  /** Reads what is new of these ids. May wake ids again. */
  read(feed: Feed, ids: readonly string[]): Promise<void>;
  onError(error: unknown): void;
};

/**
 * Collects wake-ups of runs, sessions or trees, and reads what is new of them. One read runs at a
 * time, and wake-ups that come meanwhile are collected for the next one.
 */
export class WakeUps {
  readonly #options: WakeUpsOptions;
  readonly #woken = new Set<string>();
  #reading: Promise<void> | undefined;

  constructor(options: WakeUpsOptions) {
    this.#options = options;
  }

  /** Wakes ids. A read starts if none runs. */
  wake(ids: Iterable<string>): void {
    for (const id of ids) this.#woken.add(id);
    if (this.#woken.size > 0) this.#reading ??= this.#readAll();
  }

  /** Resolves when no read runs. */
  async settle(): Promise<void> {
    await this.#reading;
  }

  async #readAll(): Promise<void> {
    await undefined; // collects the wake-ups that come before this microtask
    for (
      let feed = this.#options.feed();
      feed && this.#woken.size > 0;
      feed = this.#options.feed()
    ) {
      const ids = [...this.#woken];
      this.#woken.clear();
      try {
        await this.#options.read(feed, ids);
      } catch (error) {
        this.#options.onError(error); // the reconnect or the poll wakes them again
        break;
      }
    }
    this.#reading = undefined;
  }
}
