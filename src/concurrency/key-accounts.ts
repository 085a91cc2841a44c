/** How much of a resource one key may use: `burst_ms` at once, and `share` of each millisecond that passes. */
export type Budget = { burst_ms: number; share: number };

/** What the queue knows of one key. */
export type KeyAccount<Entry> = {
  /** By user, in the order of their turns. */
  users: Map<string, Set<Entry>>;
  waiting: number;
  /** In the order in which they began. */
  working: Set<Entry>;
  /** What it was charged, in milliseconds of one place. */
  charged: number;
  /** Up to when. */
  charged_at: number;
  /** When the key has paid back all that it used of its budget. */
  repaid_at: number;
};

/** A key is charged at most so many milliseconds more than the others: it waits, and is never forgotten. */
const MOST_DEBT_MS = 15_000;
/** Beyond so many keys, those without work and without debt are forgotten. */
const MOST_KEYS = 1_000;

/** What each key was charged and what it has left of its budget. */
export class KeyAccounts<Entry extends { started_at: number }> {
  /** The key whose turn was longest ago comes first. */
  readonly keys = new Map<string, KeyAccount<Entry>>();
  readonly #now: () => number;
  readonly #budget: Budget | undefined;
  /** The least that an active key was charged when the oldest of its work began; it only grows. */
  #floor = 0;

  constructor(now: () => number, budget: Budget | undefined) {
    this.#now = now;
    this.#budget = budget;
  }

  /** Charges each key for the time that its work has spent in its places. */
  chargeAll(): void {
    const now = this.#now();
    let least = Number.POSITIVE_INFINITY;
    for (const state of this.keys.values()) {
      const passed = now - state.charged_at;
      state.charged_at = now;
      if (isActive(state)) {
        state.charged += state.working.size * passed;
        const [oldest] = state.working;
        least = Math.min(least, oldest ? oldest.started_at : state.charged);
      } else {
        state.charged = Math.max(this.#floor, state.charged - passed); // an idle key works off its debt
      }
    }
    if (Number.isFinite(least)) this.#floor = Math.max(this.#floor, least);
    for (const state of this.keys.values()) {
      state.charged = Math.min(state.charged, this.#floor + MOST_DEBT_MS);
    }
  }

  /** Takes what was used out of the key's budget. */
  spend(state: KeyAccount<Entry>, used_ms: number): void {
    const budget = this.#budget;
    if (!budget) return;
    state.repaid_at = Math.max(state.repaid_at, this.#fullAt(this.#now())) + used_ms / budget.share;
  }

  /** A key that had repaid everything by then has its whole burst again. */
  #fullAt(now: number): number {
    const budget = this.#budget;
    return budget ? now - budget.burst_ms / budget.share : now;
  }

  /** The account of a key; a new one stands where the others do. */
  of(key: string): KeyAccount<Entry> {
    const floor = this.#floor;
    const known = this.keys.get(key);
    if (known) {
      if (!isActive(known)) known.charged = Math.max(known.charged, floor);
      return known;
    }
    const state: KeyAccount<Entry> = {
      ...{ users: new Map(), waiting: 0, working: new Set() },
      ...{ charged: floor, charged_at: this.#now(), repaid_at: 0 },
    };
    this.keys.set(key, state);
    return state;
  }

  /** Forgets keys without work and without debt when there are many. */
  forgetIdle(): void {
    if (this.keys.size <= MOST_KEYS) return;
    const full_at = this.#fullAt(this.#now());
    for (const [key, state] of this.keys) {
      const isRepaid = state.charged <= this.#floor && state.repaid_at <= full_at;
      if (!isActive(state) && isRepaid) this.keys.delete(key);
    }
  }

  /** All others that were charged as much have their turn before it. */
  moveBehind(key: string, state: KeyAccount<Entry>): void {
    this.keys.delete(key);
    this.keys.set(key, state);
  }
}

function isActive({ working, waiting }: KeyAccount<unknown>): boolean {
  return working.size + waiting > 0;
}
