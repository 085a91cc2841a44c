/** How much of a resource one key may use: `burst_ms` at once, and `share` of each millisecond that passes. */
export type Budget = { burst_ms: number; share: number };

/** A caller that waits for its turn. */
type Waiter = { key: string; begin(): void };

type KeyState = {
  working: number;
  waiting: Set<Waiter>;
  /** When the key has paid back all that it used, by the clock of the queue. */
  repaid_at: number;
};

export type FairQueueOptions = {
  /** How many may work at the same time. */
  places: number;
  /** How many of them one key may hold; undefined for all. */
  of_one_key?: number | undefined;
  /** Undefined: keys take turns, and none has a budget. */
  budget?: Budget | undefined;
  now?: () => number;
};

/**
 * A queue with keys, such as tenants, for work that is paid by its time. Keys take turns, however many callers of one key
 * wait, and a key that has used more than its budget is passed over until the time that goes by has paid for it (a token
 * bucket). Places that nobody else wants do not change that: the budget also protects what shares the processor.
 */
export class FairQueue {
  readonly #places: number;
  readonly #ofOneKey: number;
  readonly #budget: Budget | undefined;
  readonly #now: () => number;
  /** The key whose turn was longest ago comes first. */
  readonly #keys = new Map<string, KeyState>();
  #taken = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor({
    places,
    of_one_key = places,
    budget,
    now = () => performance.now(),
  }: FairQueueOptions) {
    this.#places = places;
    this.#ofOneKey = of_one_key;
    this.#budget = budget;
    this.#now = now;
  }

  /** How many callers of a key wait. */
  waitingOf(key: string): number {
    return this.#keys.get(key)?.waiting.size ?? 0;
  }

  /** Whether a key has repaid what it used. */
  isWithinBudget(key: string): boolean {
    return (this.#keys.get(key)?.repaid_at ?? 0) <= this.#now();
  }

  /** Counts what a key used beside its turns. */
  charge(key: string, used_ms: number): void {
    if (!this.#budget) return;
    const state = this.#stateOf(key);
    const full_at = this.#fullAt(this.#now());
    state.repaid_at = Math.max(state.repaid_at, full_at) + used_ms / this.#budget.share;
  }

  /** Works when it is the key's turn. Rejects with the reason of the signal when that fires before. */
  async run<T>(key: string, signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    await this.#enter(key, signal);
    const begun = this.#now();
    try {
      return await work();
    } finally {
      this.#leave(key, this.#now() - begun);
    }
  }

  #enter(key: string, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      const state = this.#stateOf(key);
      const giveUp = (): void => {
        state.waiting.delete(waiter);
        reject(signal?.reason);
      };
      const waiter: Waiter = {
        key,
        begin: () => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        },
      };
      state.waiting.add(waiter);
      signal?.addEventListener('abort', giveUp, { once: true });
      this.#beginNext();
    });
  }

  #leave(key: string, used_ms: number): void {
    this.#taken -= 1;
    this.charge(key, used_ms);
    const state = this.#stateOf(key);
    state.working -= 1;
    this.#moveBehind(key, state);
    this.#beginNext();
  }

  #beginNext(): void {
    clearTimeout(this.#timer);
    if (this.#taken >= this.#places) return;
    const now = this.#now();
    let next_at = Number.POSITIVE_INFINITY;
    for (const [key, state] of this.#keys) {
      const [waiter] = state.waiting;
      if (!waiter) {
        const isIdle = state.working === 0 && state.repaid_at <= this.#fullAt(now);
        if (isIdle) this.#keys.delete(key);
      } else if (state.working >= this.#ofOneKey) {
        // begins when one of its own has ended
      } else if (state.repaid_at > now) {
        next_at = Math.min(next_at, state.repaid_at);
      } else {
        this.#taken += 1;
        state.working += 1;
        state.waiting.delete(waiter);
        this.#moveBehind(key, state);
        waiter.begin();
        if (this.#taken >= this.#places) return;
      }
    }
    if (Number.isFinite(next_at)) {
      this.#timer = setTimeout(() => this.#beginNext(), Math.ceil(next_at - now));
    }
  }

  #stateOf(key: string): KeyState {
    const state = this.#keys.get(key) ?? { working: 0, waiting: new Set(), repaid_at: 0 };
    this.#keys.set(key, state);
    return state;
  }

  /** All others have their turn before it. */
  #moveBehind(key: string, state: KeyState): void {
    this.#keys.delete(key);
    this.#keys.set(key, state);
  }

  /** A key that had repaid everything by then has its whole burst again. */
  #fullAt(now: number): number {
    return this.#budget ? now - this.#budget.burst_ms / this.#budget.share : now;
  }
}
