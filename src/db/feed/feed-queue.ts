const DONE = { done: true, value: undefined } as const;

export type QueueEvents = {
  /** Called when the consumer takes an item, with the number of items left. */
  onTaken?(left: number): void;
  /** Called once, when the producer ends the queue or the consumer leaves. */
  onClose(): void;
};

/** A queue of items for one consumer. After `end`, the consumer still gets the queued items. */
export class FeedQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #events: QueueEvents;
  #items: T[] = [];
  #isEnded = false;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(events: QueueEvents) {
    this.#events = events;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    this.#items.push(item);
    this.#wake();
  }

  /** Replaces the queued items by one. For items of which only the newest counts. */
  replace(item: T): void {
    this.#items = [item];
    this.#wake();
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#events.onClose();
    this.#wake();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#items.length === 0 && !this.#isEnded) {
      this.#waiting ??= Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
    const value = this.#items.shift();
    if (value === undefined) return DONE;
    this.#events.onTaken?.(this.#items.length);
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#items = [];
    this.end();
    return DONE;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
