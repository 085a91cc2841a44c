/**
 * Reads up to `most` items of a source ahead, so that the lookups of many items can share a query.
 * Calls `prepare` with all items that arrive in one turn of the event loop, before the first of
 * them is returned. The items keep their order. Leaving the result leaves the source at once.
 */
export function readAhead<T>(
  source: AsyncIterator<T, unknown>,
  most: number,
  prepare: (item: T) => void,
): AsyncIterableIterator<T, undefined> {
  return new ReadAhead(source, most, prepare);
}

class ReadAhead<T> implements AsyncIterableIterator<T, undefined> {
  readonly #source: AsyncIterator<T, unknown>;
  readonly #most: number;
  readonly #prepare: (item: T) => void;
  #arrived: T[] = [];
  #prepared: T[] = [];
  #end: { error?: unknown } | undefined;
  #isReading = false;
  #turn: NodeJS.Immediate | undefined;
  #waiting: PromiseWithResolvers<void> | undefined;

  constructor(source: AsyncIterator<T, unknown>, most: number, prepare: (item: T) => void) {
    this.#source = source;
    this.#most = most;
    this.#prepare = prepare;
  }

  async next(): Promise<IteratorResult<T, undefined>> {
    if (this.#size <= this.#most / 2) void this.#read();
    while (this.#prepared.length === 0 && !(this.#end && this.#size === 0)) {
      this.#waiting ??= Promise.withResolvers<void>();
      await this.#waiting.promise;
    }
    if (this.#prepared.length > 0) return { done: false, value: this.#prepared.shift() as T };
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
      while (!this.#end && this.#size < this.#most) {
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
