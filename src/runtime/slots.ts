type Waiting = { priority: number; enter(isIn: boolean): void };

/** So many at once; those who wait are let in by priority (smaller first), then in the order they came. */
export class Slots {
  readonly #capacity: number;
  #free: number;
  #queue: Waiting[] = [];

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#free = capacity;
  }

  /** Whether none is taken. */
  get areFree(): boolean {
    return this.#free === this.#capacity;
  }

  /** How many wait to be let in. */
  get waiting(): number {
    return this.#queue.length;
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

  /** As many as are free, and no more than that; each is to be released. */
  reserve(most: number): number {
    const taken = Math.min(this.#free, most);
    this.#free -= taken;
    return taken;
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
  turnAway(): void {
    const waiting = this.#queue;
    this.#queue = [];
    for (const { enter } of waiting) {
      enter(false);
    }
  }
}
