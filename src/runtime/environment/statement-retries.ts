/** A statement that failed and is retried. */
export type Retry = {
  what: 'commit' | 'claim' | 'release';
  error: unknown;
  /** The number of failures so far. */
  attempt: number;
};

const FIRST_MS = 200;
const LONGEST_MS = 5_000;
/** The time without a success after which the worker is not ready. */
const FAILING_MS = 10_000;

/**
 * Tracks the retries of a worker, so that no loop repeats in silence. Each failure is reported. A
 * kind of statement that fails for longer than a few seconds shows in the readiness of the process.
 */
export class StatementRetries {
  readonly #report: (retry: Retry) => void;
  readonly #now: () => number;
  /** The time since when a kind of statement fails without a success. */
  readonly #failingSince = new Map<Retry['what'], number>();

  constructor(report: (retry: Retry) => void = () => {}, now: () => number = Date.now) {
    this.#report = report;
    this.#now = now;
  }

  /** Reports a failure and returns the milliseconds to wait before the next attempt. */
  recordFailure(retry: Retry): number {
    if (!this.#failingSince.has(retry.what)) this.#failingSince.set(retry.what, this.#now());
    this.#report(retry);
    return Math.min(FIRST_MS * 2 ** (retry.attempt - 1), LONGEST_MS);
  }

  recordSuccess(what: Retry['what']): void {
    this.#failingSince.delete(what);
  }

  /** The kinds of statements that have failed for long. */
  get failing(): Retry['what'][] {
    const since = this.#now() - FAILING_MS;
    return [...this.#failingSince].filter(([, at]) => at <= since).map(([what]) => what);
  }
}
