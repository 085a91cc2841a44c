/** Gives a permit back. A second call does nothing. */
export type Release = () => void;

export type AcquireOptions = {
  /** The rank among waiting callers: smaller enters first. 0 by default. */
  priority?: number | undefined;
  /** Ends the wait. Has no effect once the permit is granted. */
  signal?: AbortSignal | undefined;
};

type Waiter = { priority: number; grant(permit: Release): void };

/**
 * A counting semaphore. Waiting callers enter by priority, then in the order in which they came. A
 * permit that is given back goes to the first waiting caller at once, so a newcomer cannot take it.
 */
export class Semaphore {
  readonly #permits: number;
  #free: number;
  readonly #queue: Waiter[] = [];

  constructor(permits: number) {
    this.#permits = permits;
    this.#free = permits;
  }

  /** The number of permits that nobody has. */
  get free(): number {
    return this.#free;
  }

  /** True if nobody has a permit. */
  get isIdle(): boolean {
    return this.#free === this.#permits;
  }

  /** The number of waiting callers. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Takes a permit without waiting. Returns undefined when none is free. */
  tryAcquire(): Release | undefined {
    if (this.#free <= 0) return undefined;
    this.#free -= 1;
    return this.#createPermit();
  }

  /**
   * Takes a permit or waits for one. Rejects with the reason of the signal when the signal fires
   * first. The caller then has no permit.
   */
  async acquire({ priority = 0, signal }: AcquireOptions = {}): Promise<Release> {
    signal?.throwIfAborted();
    return this.tryAcquire() ?? this.#wait(priority, signal);
  }

  /** Runs `work` with a permit. Rejects as `acquire` does, or as `work` does. */
  async run<T>(options: AcquireOptions, work: () => Promise<T>): Promise<T> {
    const release = await this.acquire(options);
    try {
      return await work();
    } finally {
      release();
    }
  }

  #wait(priority: number, signal: AbortSignal | undefined): Promise<Release> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiter), 1);
        reject(signal?.reason);
      };
      const grant = (permit: Release): void => {
        signal?.removeEventListener('abort', leave);
        resolve(permit);
      };
      const waiter: Waiter = { priority, grant };
      const ahead = this.#queue.findLastIndex((other) => other.priority <= priority);
      this.#queue.splice(ahead + 1, 0, waiter);
      signal?.addEventListener('abort', leave, { once: true });
    });
  }

  #createPermit(): Release {
    let isReleased = false;
    return () => {
      if (isReleased) return;
      isReleased = true;
      const next = this.#queue.shift();
      if (next) next.grant(this.#createPermit());
      else this.#free += 1;
    };
  }
}
