/** The earliest return of a job that found no slot, in milliseconds from now. */
const FIRST_MS = 1_000;
/**
 * The interval between returning jobs of one tenant; a thousand at once would keep the queue busy.
 */
const APART_MS = 20;
/** The number of tenants beyond which those without a returning job are forgotten. */
const MAX_TENANTS = 1_000;

/** Schedules when jobs that found no slot return to the queue. */
export class ReturnTimes {
  readonly #now: () => number;
  readonly #last = new Map<string, number>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** Returns the time of the tenant's next job. */
  next(tenant: string): Date {
    const now = this.#now();
    const time = Math.max(now + FIRST_MS, (this.#last.get(tenant) ?? 0) + APART_MS);
    if (this.#last.size > MAX_TENANTS) this.#forget(now);
    this.#last.set(tenant, time);
    return new Date(time);
  }

  #forget(now: number): void {
    for (const [tenant, time] of this.#last) if (time < now) this.#last.delete(tenant);
  }
}
