/**
 * A limit on a resource per key: `burst_ms` at once, and `share` of each millisecond that passes.
 */
export type Budget = { burst_ms: number; share: number };

/** The state of one key. */
export type KeyAccount<Entry> = {
  /** Waiting entries by user, in the order of their turns. */
  users: Map<string, Set<Entry>>;
  waiting: number;
  /** Working entries, the oldest first. */
  working: Set<Entry>;
  /** The charge, in milliseconds of one place. */
  charged: number;
  /** The time up to which the key is charged. */
  charged_at: number;
  /** The time at which the key has repaid all that it used of its budget. */
  repaid_at: number;
};

/** Most milliseconds that a key is charged beyond the others, so that no key waits for ever. */
const MAX_DEBT_MS = 15_000;
/** The number of keys beyond which those without work and debt are forgotten. */
const MAX_KEYS = 1_000;

/** Keeps the charge and the budget of each key. */
export class KeyAccounts<Entry extends { charged_at_start: number }> {
  /** The accounts by key; the key served longest ago comes first. */
  readonly keys = new Map<string, KeyAccount<Entry>>();
  readonly #now: () => number;
  readonly #budget: Budget | undefined;
  /** The lowest charge of an active key when its oldest entry started. The floor only rises. */
  #floor = 0;

  constructor(now: () => number, budget: Budget | undefined) {
    this.#now = now;
    this.#budget = budget;
  }

  /** Charges each key for the time it has held places. */
  chargeAll(): void {
    const now = this.#now();
    let least = Number.POSITIVE_INFINITY;
    for (const state of this.keys.values()) {
      const passed = now - state.charged_at;
      state.charged_at = now;
      if (isActive(state)) {
        state.charged += state.working.size * passed;
        const [oldest] = state.working;
        least = Math.min(least, oldest ? oldest.charged_at_start : state.charged);
      } else {
        state.charged = Math.max(this.#floor, state.charged - passed); // an idle key pays its debt
      }
    }
    if (Number.isFinite(least)) this.#floor = Math.max(this.#floor, least);
    for (const state of this.keys.values()) {
      state.charged = Math.min(state.charged, this.#floor + MAX_DEBT_MS);
    }
  }

  /** Takes used time out of the key's budget. */
  spend(state: KeyAccount<Entry>, used_ms: number): void {
    const budget = this.#budget;
    if (!budget) return;
    state.repaid_at = Math.max(state.repaid_at, this.#fullAt(this.#now())) + used_ms / budget.share;
  }

  /** Returns the time by which a key must have repaid everything to have its full burst again. */
  #fullAt(now: number): number {
    const budget = this.#budget;
    return budget ? now - budget.burst_ms / budget.share : now;
  }

  /** Returns the account of a key. A new account starts at the floor. */
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

  /** Forgets keys without work and debt when there are many. */
  forgetIdle(): void {
    if (this.keys.size <= MAX_KEYS) return;
    const full_at = this.#fullAt(this.#now());
    for (const [key, state] of this.keys) {
      const isRepaid = state.charged <= this.#floor && state.repaid_at <= full_at;
      if (!isActive(state) && isRepaid) this.keys.delete(key);
    }
  }

  /** Moves a key behind all others with the same charge. */
  moveBehind(key: string, state: KeyAccount<Entry>): void {
    this.keys.delete(key);
    this.keys.set(key, state);
  }
}

function isActive({ working, waiting }: KeyAccount<unknown>): boolean {
  return working.size + waiting > 0;
}
