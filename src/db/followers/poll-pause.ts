import { setTimeout as pause } from 'node:timers/promises';
import { RESTS_PER_READ } from '../feed/follow-log.ts';

export type PollTimes = {
  /** The shortest time between two reads of a source that is polled, in milliseconds. */
  pollMs?: number | undefined;
  /** The time until the next read of an idle source, unless a read is requested before. */
  idleMs?: number | undefined;
};

/** A read that has ended: how long it took, and what is to be read next. */
export type EndedRead = {
  ms: number;
  /** Returns whether a read is requested already. */
  hasMore(): boolean;
  isIdle(): boolean;
};

/** The pause between two reads of a source that is polled. */
export class PollPause {
  readonly #pollMs: number;
  readonly #idleMs: number;
  #endIdling: (() => void) | undefined;

  constructor({ pollMs = 0, idleMs = 0 }: PollTimes) {
    this.#pollMs = pollMs;
    this.#idleMs = idleMs;
  }

  /** Waits until the next read: longer after a read that took long, or while nothing happens. */
  async wait({ ms, hasMore, isIdle }: EndedRead): Promise<void> {
    const rest = ms * RESTS_PER_READ;
    await pause(hasMore() ? rest : Math.max(this.#pollMs, rest));
    if (!hasMore() && isIdle()) await this.#idle(this.#idleMs - this.#pollMs);
  }

  /** Ends the pause of an idle source. */
  end(): void {
    this.#endIdling?.();
  }

  async #idle(ms: number): Promise<void> {
    if (ms <= 0) return;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms).unref();
      this.#endIdling = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#endIdling = undefined;
  }
}
