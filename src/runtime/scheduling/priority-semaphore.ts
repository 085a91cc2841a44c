type Waiting = { priority: number; enter(isIn: boolean): void };

/**
 * A semaphore with a fixed capacity. Waiting callers enter by priority (smaller first), then in the
 * order in which they came.
 */
export class PrioritySemaphore {
  readonly #capacity: number;
  #free: number;
  #reserved = 0;
  #queue: Waiting[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = capacity;
  }

  /** True if no slot is taken. */
  get areFree(): boolean {
    return this.#free === this.#capacity;
  }

  get hasRoom(): boolean {
    return this.#free > 0;
  }

  /** The number of waiting callers. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** True if more callers wait than reserved slots may come free. */
  get areShort(): boolean {
    return this.#queue.length > this.#reserved;
  }

  /** Acquires a slot. Returns false if the caller was rejected; it then has no slot to release. */
  async acquire(priority: number): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    return new Promise((enter) => {
      const before = this.#queue.findIndex((other) => other.priority > priority);
      this.#queue.splice(before < 0 ? this.#queue.length : before, 0, { priority, enter });
    });
  }

  /**
   * Takes the free slots, up to `most`, before it is known how many are used. Must be followed by
   * `settle`.
   */
  reserve(most: number): number {
    const taken = Math.min(this.#free, most);
    this.#free -= taken;
    this.#reserved += taken;
    return taken;
  }

  /** Ends a reservation. Each used slot has to be released later; the others are free. */
  settle(reserved: number, used: number): void {
    this.#reserved -= reserved;
    for (let unused = reserved - used; unused > 0; unused -= 1) {
      this.release();
    }
  }

  release(): void {
    const next = this.#queue.shift();
    if (next) {
      next.enter(true);
    } else {
      this.#free += 1;
    }
  }

  /** Rejects all waiting callers, which then try elsewhere. */
  rejectWaiting(): void {
    const waiting = this.#queue;
    this.#queue = [];
    for (const { enter } of waiting) {
      enter(false);
    }
  }
}
