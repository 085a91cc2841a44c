import { setTimeout as pause } from 'node:timers/promises';

/** The least pause between two reads of rows that many follow. */
export const POLL_MS = 500;
/** A read is followed by a pause of this many times its duration. */
const RESTS_PER_READ = 4;

export type PollTimes = {
  /** The shortest time between two reads of a source that is polled, in milliseconds. */
  pollMs?: number | undefined;
  /** The longest time between two reads of a source that may rest, in milliseconds. */
  restMs?: number | undefined;
};

/** A read that has ended, and what comes after it. */
export type EndedRead = {
  /** Duration of the read. */
  ms: number;
  /** Returns whether a further read is requested already. */
  hasMore(): boolean;
  /** Returns how long the source may rest, in milliseconds. */
  mayRestMs(): number;
};

/** The pause between two reads of a source that is polled. */
export class PollPause {
  readonly #pollMs: number;
  readonly #restMs: number;
  #isWoken = false;
  #endRest: (() => void) | undefined;

  constructor({ pollMs = 0, restMs = 0 }: PollTimes) {
    this.#pollMs = pollMs;
    this.#restMs = restMs;
  }

  /** Waits until the next read. The pause grows with the duration of the last read. */
  async wait({ ms, hasMore, mayRestMs }: EndedRead): Promise<void> {
    const least = ms * RESTS_PER_READ;
    await pause(hasMore() ? least : Math.max(this.#pollMs, least));
    const rest = Math.min(this.#restMs, mayRestMs()) - this.#pollMs;
    if (rest > 0 && !this.#isWoken && !hasMore()) await this.rest(rest);
    this.#isWoken = false;
  }

  /** Ends the rest of a source, also the one that would begin after a read at work. */
  wake(): void {
    this.#isWoken = true;
    this.endRest();
  }

  /** Ends a rest that has begun. */
  endRest(): void {
    this.#endRest?.();
  }

  /** Waits until the source is woken, and not longer than a time. */
  async rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#endRest = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endRest = undefined;
  }
}
