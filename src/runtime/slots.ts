/** So many at once; those who wait are let in by priority (smaller first), then in the order they came. */
export class Slots {
  #free: number;
  readonly #queue: { priority: number; enter: () => void }[] = [];

  constructor(capacity: number) {
    this.#free = capacity;
  }

  async acquire(priority: number): Promise<void> {
    if (this.#free > 0) {
      this.#free -= 1;
      return;
    }
    await new Promise<void>((enter) => {
      const before = this.#queue.findIndex((other) => other.priority > priority);
      this.#queue.splice(before < 0 ? this.#queue.length : before, 0, { priority, enter });
    });
  }

  release(): void {
    const next = this.#queue.shift();
    if (next) {
      next.enter();
    } else {
      this.#free += 1;
    }
  }
}
