import type { RunSlots } from './run-slots.ts';

/**
 * How long the other runs may still commit before they are released, and how long the suspect is
 * then alone.
 */
export type AloneTimes = { graceMs: number; aloneMs: number };

export type LoneRunsOptions = {
  slots: RunSlots;
  capacity: number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
  /** Aborts the calls of all runs, which then leave this process. */
  abortOthers(): void;
  /** Claims a run and advances it for a slot that is taken. Frees the slot. */
  run(executionId: string): Promise<void>;
  /** Frees a slot. */
  leave(): void;
};

/** The time in which runs leave this process after their calls were aborted. */
const CLEAR_MS = 5_000;

/** Runs suspects in this process, each without any other run beside it. */
export class LoneRuns {
  readonly #options: LoneRunsOptions;
  #isClearing = false;

  constructor(options: LoneRunsOptions) {
    this.#options = options;
  }

  /** True while all other runs have to leave this process, each after its current action. */
  get isClearing(): boolean {
    return this.#isClearing;
  }

  /**
   * Runs a suspect alone. Takes all slots first, so that no run arrives meanwhile. `isolate` tells
   * the database that the run is the only one of this process; null ends that. Resolves when the
   * suspect has left this process, or has been alone for `aloneMs`: it then continues beside
   * others, since a call of a model may take long. Does nothing if the others do not leave in time.
   */
  async run(
    executionId: string,
    isolate: (executionId: string | null) => Promise<boolean>,
    { graceMs, aloneMs }: AloneTimes,
  ): Promise<void> {
    const { capacity, sleep, run, leave } = this.#options;
    if (!(await this.#clear(graceMs))) return;
    let left = capacity;
    const isOver = new AbortController();
    try {
      if (!(await isolate(executionId))) return;
      left -= 1; // it is freed with the run
      await Promise.race([run(executionId), sleep(aloneMs, isOver.signal)]);
    } finally {
      isOver.abort();
      await isolate(null).catch(() => {}); // the database was lost, and with it this worker's id
      for (; left > 0; left -= 1) leave();
    }
  }

  /** Takes all slots once their runs have left this process. Returns false if they do not. */
  async #clear(graceMs: number): Promise<boolean> {
    const { slots, sleep, abortOthers } = this.#options;
    const isOver = new AbortController();
    this.#isClearing = true;
    const cleared = slots.acquireAll(isOver.signal);
    try {
      await Promise.race([cleared, sleep(graceMs, isOver.signal)]);
      abortOthers();
      const late = sleep(CLEAR_MS, isOver.signal).then(() => isOver.abort());
      await Promise.race([cleared, late]);
      return await cleared;
    } finally {
      isOver.abort();
      this.#isClearing = false;
    }
  }
}
