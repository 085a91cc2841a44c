import { type Release, Semaphore } from '../../concurrency/semaphore.ts';

/**
 * The slots of a process, one for each run at work, on top of a semaphore. Waiting callers enter by
 * priority (smaller first), then in the order in which they came.
 *
 * A class of its own, because a claim reserves slots before it is known how many runs it finds, and
 * because all waiting callers can be sent elsewhere. Slots are therefore counted: `release` frees
 * any one of them.
 */
export class RunSlots {
  readonly #semaphore: Semaphore;
  readonly #capacity: number;
  readonly #taken: Release[] = [];
  #reserved = 0;
  #rejection = new AbortController();

  constructor(capacity: number) {
    this.#capacity = capacity;
    this.#semaphore = new Semaphore(capacity);
  }

  /** True if no slot is taken. */
  get isIdle(): boolean {
    return this.#semaphore.isIdle;
  }

  get hasRoom(): boolean {
    return this.#semaphore.free > 0;
  }

  /** The number of waiting callers. */
  get waiting(): number {
    return this.#semaphore.waiting;
  }

  /** True if more callers wait than there are reserved slots that might still be freed. */
  get hasTooFewSlots(): boolean {
    return this.waiting > this.#reserved;
  }

  /** Acquires a slot. Returns false if the caller was rejected; it then has no slot to release. */
  async acquire(priority: number): Promise<boolean> {
    const { signal } = this.#rejection;
    try {
      this.#taken.push(await this.#semaphore.acquire({ priority, signal }));
      return true;
    } catch {
      return false; // the signal is the only reason of a rejection
    }
  }

  /**
   * Waits for all slots, before all other callers. Returns false if the signal fires or the callers
   * are rejected first; then no slot is taken.
   */
  async acquireAll(signal: AbortSignal): Promise<boolean> {
    const waits = Array.from({ length: this.#capacity }, async () => {
      const priority = Number.NEGATIVE_INFINITY;
      const signals = [signal, this.#rejection.signal];
      return this.#semaphore.acquire({ priority, signal: AbortSignal.any(signals) });
    });
    const results = await Promise.allSettled(waits);
    const permits = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    if (permits.length < this.#capacity) {
      for (const release of permits) release();
      return false;
    }
    this.#taken.push(...permits);
    return true;
  }

  /**
   * Takes the free slots, up to `most`, before it is known how many are used. Must be followed by
   * `settle`.
   */
  reserve(most: number): number {
    const taken = Math.min(this.#semaphore.free, most);
    for (let left = taken; left > 0; left -= 1) {
      this.#taken.push(this.#semaphore.tryAcquire() as Release);
    }
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
    this.#taken.pop()?.();
  }

  /** Rejects all waiting callers, which then try elsewhere. */
  rejectWaiting(): void {
    const rejection = this.#rejection;
    this.#rejection = new AbortController();
    rejection.abort();
  }
}
