/** What one subscriber of a run was given, over all its connections: every step once and in order, or it is counted. */
export class ReceivedSteps {
  #last = 0;
  missing = 0;
  doubled = 0;
  /** Steps that came on a connection that stood before their commit began: what a commit takes to a client. */
  readonly waits: number[] = [];

  /** Where to go on behind. */
  get last(): number {
    return this.#last;
  }

  take(seq: number, committedAt: number, connectedAt: number, now: number): void {
    if (seq <= this.#last) {
      this.doubled += 1;
      return;
    }
    this.missing += seq - this.#last - 1;
    this.#last = seq;
    if (committedAt >= connectedAt) this.waits.push(now - committedAt);
  }

  /** Steps that never came, once nothing comes any more. */
  lostOf(steps: number): number {
    return this.missing + Math.max(0, steps - this.#last);
  }
}
