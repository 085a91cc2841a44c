/** Tells whether the database is away. All lines of a log share it. */
export type Outages = {
  /** Returns whether an error or a text of a line says that the database was lost. */
  isOutage(fault: unknown): boolean;
  /** Rejects while the database is away. */
  probe(): Promise<unknown>;
  /** Waits until the next probe. */
  wait(): Promise<unknown>;
};

/** The time after which a message about a lost database appears again. */
const REPEAT_MS = 60_000;

/**
 * Leaves out repeated lines while the database is away. Every loop of a process fails then, many
 * times a minute. The first line of each message passes, then one a minute with the number of lines
 * that were left out. One line says that the database answers again.
 *
 * A line that looks like an outage starts a probe. Lines are left out only after the probe has
 * failed, so that failures of other services are all logged.
 */
export class OutageLines {
  readonly #outages: Outages;
  readonly #onReturn: (outage: { away_s: number; left_out: number }) => void;
  readonly #now: () => number;
  #isProbing = false;
  #away: { since: number; leftOut: number } | undefined;
  /** The messages since the first line that looked like an outage. */
  readonly #passed = new Map<string, { at: number; leftOut: number }>();

  constructor(
    outages: Outages,
    onReturn: (outage: { away_s: number; left_out: number }) => void,
    now = () => performance.now(),
  ) {
    this.#outages = outages;
    this.#onReturn = onReturn;
    this.#now = now;
  }

  /**
   * Returns how many lines of this message were left out since its last one, or null if this one is
   * to be left out.
   */
  admit(message: string, faults: readonly unknown[]): number | null {
    if (!faults.some((fault) => this.#outages.isOutage(fault))) return 0;
    if (!this.#isProbing) void this.#follow();
    const key = message.replaceAll(/\d+/g, '');
    const before = this.#passed.get(key);
    const now = this.#now();
    if (this.#away && before && now - before.at < REPEAT_MS) {
      before.leftOut++;
      this.#away.leftOut++;
      return null;
    }
    this.#passed.set(key, { at: now, leftOut: 0 });
    return before?.leftOut ?? 0;
  }

  async #follow(): Promise<void> {
    this.#isProbing = true;
    const since = this.#now();
    while (!(await this.#answers())) {
      this.#away ??= { since, leftOut: 0 };
      await this.#outages.wait();
    }
    const away = this.#away;
    this.#isProbing = false;
    this.#away = undefined;
    this.#passed.clear();
    if (away === undefined) return;
    const seconds = Math.round((this.#now() - away.since) / 1_000);
    this.#onReturn({ away_s: seconds, left_out: away.leftOut });
  }

  async #answers(): Promise<boolean> {
    return this.#outages.probe().then(
      () => true,
      () => false,
    );
  }
}
