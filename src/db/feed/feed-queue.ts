const DONE = { done: true, value: undefined } as const;

export type QueueEvents<T> = {
  /** Called when the consumer takes an item, with the number of items left. */
  onTaken?(left: number, item: T): void;
  /** Called once, when the producer ends the queue or the consumer leaves. */
  onClose(): void;
};

/** A queue of items for one consumer. After `end`, the consumer still gets the queued items. */
export class FeedQueue<T> implements AsyncIterableIterator<T, undefined> {
  readonly #events: QueueEvents<T>;
  #items: T[] = [];
  #isEnded = false;
  #failure: { cause: unknown } | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(events: QueueEvents<T>) {
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

  /** Ends the queue with an error, which the consumer gets after the queued items. */
  fail(cause: unknown): void {
    if (!this.#isEnded) this.#failure = { cause };
    this.end();
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    while (this.#items.length === 0 && !this.#isEnded) {
      this.#waiting ??= Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
    const value = this.#items.shift();
    if (value === undefined) {
      const failure = this.#failure;
      this.#failure = undefined;
      if (failure) throw failure.cause;
      return DONE;
    }
    this.#events.onTaken?.(this.#items.length, value);
    return { done: false, value };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#items = [];
    this.#failure = undefined;
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
