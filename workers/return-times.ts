/** A job that found no place returns after a second at the earliest. */
const FIRST_MS = 1_000;
/** Jobs of one tenant return so far apart: a thousand at once would keep the queue busy. */
const APART_MS = 20;
/** Beyond so many tenants, those whose jobs have all returned are forgotten. */
const MOST_TENANTS = 1_000;

/** Says when jobs that found no place return to the queue. */
export class ReturnTimes {
  readonly #now: () => number;
  readonly #last = new Map<string, number>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** The time of the next job of a tenant. */
  next(tenant: string): Date {
    const now = this.#now();
    const time = Math.max(now + FIRST_MS, (this.#last.get(tenant) ?? 0) + APART_MS);
    if (this.#last.size > MOST_TENANTS) this.#forget(now);
    this.#last.set(tenant, time);
    return new Date(time);
  }

  #forget(now: number): void {
    for (const [tenant, time] of this.#last) if (time < now) this.#last.delete(tenant);
  }
}
