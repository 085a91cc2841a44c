/**
 * A queue whose callers continue one at a time, each in its own turn of the event loop. Between two
 * of them the loop serves other sockets and timers. For work that is short, but not short enough to
 * be done thirty times in one turn. Not a `Semaphore`: no caller has a permit to give back.
 */
export class TurnQueue {
  #last: Promise<void> = Promise.resolve();

  /** Resolves in a turn in which no other caller of this queue continues. */
  next(): Promise<void> {
    this.#last = this.#last.then(() => new Promise((resolve) => setImmediate(resolve)));
    return this.#last;
  }
}
