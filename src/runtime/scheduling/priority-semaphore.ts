type Waiting = { priority: number; enter(isIn: boolean): void };

/** So many at once; those who wait are let in by priority (smaller first), then in the order they came. */
export class PrioritySemaphore {
  readonly #capacity: number;
  #free: number;
  #reserved = 0;
  #queue: Waiting[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = capacity;
  }

  /** Whether none is taken. */
  get areFree(): boolean {
    return this.#free === this.#capacity;
  }

  get hasRoom(): boolean {
    return this.#free > 0;
  }

  /** How many wait to be let in. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** More wait than reserved slots may come free. */
  get areShort(): boolean {
    return this.#queue.length > this.#reserved;
  }

  /** False when it was turned away: then nothing is to be released. */
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

  /** Takes the free slots, up to `most`, before it is known how many are used. Then call `settle`. */
  reserve(most: number): number {
    const taken = Math.min(this.#free, most);
    this.#free -= taken;
    this.#reserved += taken;
    return taken;
  }

  /** Ends a reservation. Each used slot is to be released later, the others are free. */
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

  /** All who wait are to try elsewhere. */
  rejectWaiting(): void {
    const waiting = this.#queue;
    this.#queue = [];
    for (const { enter } of waiting) {
      enter(false);
    }
  }
}
