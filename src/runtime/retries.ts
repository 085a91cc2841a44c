/** A statement that failed and is tried again. */
export type Retry = {
  what: 'commit' | 'claim' | 'release';
  error: unknown;
  /** How often it has failed. */
  attempt: number;
};

const FIRST_MS = 200;
const LONGEST_MS = 5_000;
/** After so long without a success the worker is not ready. */
const FAILING_MS = 10_000;

/**
 * Keeps what a worker has to try again, so that no loop repeats in silence: each failure is reported, and statements of one kind
 * that fail for longer than a few seconds show in the readiness of the process.
 */
export class Retries {
  readonly #report: (retry: Retry) => void;
  readonly #now: () => number;
  /** Since when statements of a kind fail, without one that succeeded. */
  readonly #failingSince = new Map<Retry['what'], number>();

  constructor(report: (retry: Retry) => void = () => {}, now: () => number = Date.now) {
    this.#report = report;
    this.#now = now;
  }

  /** Reports a failure; gives the milliseconds after which to try again. */
  failed(retry: Retry): number {
    if (!this.#failingSince.has(retry.what)) this.#failingSince.set(retry.what, this.#now());
    this.#report(retry);
    return Math.min(FIRST_MS * 2 ** (retry.attempt - 1), LONGEST_MS);
  }

  succeeded(what: Retry['what']): void {
    this.#failingSince.delete(what);
  }

  /** The kinds of statements that have failed for long. */
  get failing(): Retry['what'][] {
    const since = this.#now() - FAILING_MS;
    return [...this.#failingSince].filter(([, at]) => at <= since).map(([what]) => what);
  }
}
