type Come<T> = { source: AsyncIterator<T>; item: IteratorResult<T, unknown> } | { error: unknown };

/**
 * Merges several sources: returns items in the order in which they arrive. One item of each source
 * is read ahead, and the next one is read only after that item was returned.
 */
export class MergedIterator<T> {
  readonly #open = new Set<AsyncIterator<T>>();
  readonly #come: Come<T>[] = [];
  #waiting: PromiseWithResolvers<void> | undefined;
  #isClosed = false;

  add(source: AsyncIterator<T>): void {
    if (this.#isClosed) return void source.return?.();
    this.#open.add(source);
    this.#ask(source);
  }

  /**
   * Returns the next item, or the source that has ended; undefined when no source is left. Rejects
   * as a source does.
   */
  async next(): Promise<{ value: T } | { ended: AsyncIterator<T> } | undefined> {
    while (this.#come.length === 0) {
      if (this.#open.size === 0) return undefined;
      this.#waiting = Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
    const come = this.#come.shift() as Come<T>;
    if ('error' in come) throw come.error;
    const { source, item } = come;
    if (item.done) {
      this.#open.delete(source);
      return { ended: source };
    }
    this.#ask(source);
    return { value: item.value };
  }

  /** Leaves all sources, including those that are added later. */
  close(): void {
    this.#isClosed = true;
    for (const source of this.#open) void source.return?.();
  }

  #ask(source: AsyncIterator<T>): void {
    const come = (one: Come<T>) => {
      this.#come.push(one);
      this.#waiting?.resolve();
    };
    source.next().then(
      (item) => come({ source, item }),
      (error: unknown) => come({ error }),
    );
  }
}

/**
 * Maps the items of a source. Leaving the result leaves the source at once, even while the result
 * waits for an item.
 */
export function mapIterator<T, U>(
  source: AsyncIterator<T, unknown>,
  make: (value: T) => U,
): AsyncIterator<U> {
  return {
    async next() {
      const item = await source.next();
      return item.done
        ? { done: true, value: undefined }
        : { done: false, value: make(item.value) };
    },
    async return() {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
}

/**
 * Opens a generator whose signal fires as soon as the consumer leaves. A generator alone would only
 * notice after its next item, which may never come.
 */
export function endWhenLeft<T>(
  open: (signal: AbortSignal) => AsyncGenerator<T, void>,
): AsyncIterableIterator<T, undefined> {
  const leaving = new AbortController();
  const items = open(leaving.signal);
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      const item = await items.next();
      return item.done ? { done: true, value: undefined } : item;
    },
    async return() {
      leaving.abort();
      return { done: true, value: undefined };
    },
  };
}
