/** Counts the steps that a subscriber of a run received over all its connections. */
export class ReceivedSteps {
  #last = 0;
  missing = 0;
  doubled = 0;
  /** Milliseconds from a commit to the client, for connections that existed before the commit. */
  readonly latencies: number[] = [];

  /** The number of the last step, behind which the next connection continues. */
  get last(): number {
    return this.#last;
  }

  /** Counts a step. `connectedAt` is undefined if the connection was not yet acknowledged. */
  add(seq: number, committedAt: number, connectedAt: number | undefined, now: number): void {
    if (seq <= this.#last) {
      this.doubled += 1;
      return;
    }
    this.missing += seq - this.#last - 1;
    this.#last = seq;
    if (connectedAt !== undefined && committedAt >= connectedAt) {
      this.latencies.push(now - committedAt);
    }
  }

  /** Counts the steps that were lost, out of a number of committed steps. */
  countLost(steps: number): number {
    return this.missing + Math.max(0, steps - this.#last);
  }
}
