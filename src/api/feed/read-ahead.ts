/** How far to read ahead. The item that reaches the bound of bytes is the last one. */
export type ReadAheadBounds<T> = { items: number; bytes: number; bytesOf(item: T): number };

/**
 * Reads items of a source ahead, so that the lookups of many items can share a query. Calls
 * `prepare` with all items that arrive in one turn of the event loop, before the first of them is
 * returned. The items keep their order. Leaving the result leaves the source at once.
 */
export function readAhead<T>(
  source: AsyncIterator<T, unknown>,
  bounds: ReadAheadBounds<T>,
  prepare: (item: T) => void,
): AsyncIterableIterator<T, undefined> {
  return new ReadAhead(source, bounds, prepare);
}

class ReadAhead<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: AsyncIterator<T, unknown>;
  readonly #bounds: ReadAheadBounds<T>;
  readonly #prepare: (item: T) => void;
  #arrived: T[] = [];
  #prepared: T[] = [];
  #end: { error?: unknown } | undefined;
  #bytes = 0;
  #isReading = false;
  #turn: NodeJS.Immediate | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(
    source: AsyncIterator<T, unknown>,
    bounds: ReadAheadBounds<T>,
    prepare: (item: T) => void,
  ) {
    this.#source = source;
    this.#bounds = bounds;
    this.#prepare = prepare;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    const { items, bytes, bytesOf } = this.#bounds;
    if (this.#size <= items / 2 && this.#bytes <= bytes / 2) void this.#read();
    while (this.#prepared.length === 0 && !(this.#end && this.#size === 0)) {
      this.#waiting ??= Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
    if (this.#prepared.length > 0) {
      const value = this.#prepared.shift() as T;
      this.#bytes -= bytesOf(value);
      return { done: false, value };
    }
    if (this.#end && 'error' in this.#end) throw this.#end.error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T, undefined>> {
    this.#end = {};
    this.#arrived = [];
    this.#prepared = [];
    this.#wake();
    await this.#source.return?.();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  get #size(): number {
    return this.#arrived.length + this.#prepared.length;
  }

  async #read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    try {
      const { items, bytes } = this.#bounds;
      while (!this.#end && this.#size < items && this.#bytes < bytes) {
        const item = await this.#source.next();
        if (item.done) this.#finish({});
        else if (!this.#end) this.#add(item.value);
      }
    } catch (error) {
      this.#finish({ error });
    }
    this.#isReading = false;
  }

  #add(item: T): void {
    this.#arrived.push(item);
    this.#bytes += this.#bounds.bytesOf(item);
    this.#turn ??= setImmediate(() => {
      this.#turn = undefined;
      for (const one of this.#arrived) this.#prepare(one);
      this.#prepared.push(...this.#arrived);
      this.#arrived = [];
      this.#wake();
    });
  }

  #finish(end: { error?: unknown }): void {
    this.#end ??= end;
    this.#wake();
  }

  #wake(): void {
    this.#waiting?.resolve();
    this.#waiting = undefined;
  }
}
