import type { Logger } from 'pino';
import type { Pool } from '../../src/db/connection/pool.ts';
import {
  enqueueAlerts,
  enqueueGradings,
  expireQuestions,
  fireSchedules,
} from '../../src/db/worker/timers.ts';
import { healQueue } from '../../src/db/worker/wake-ups.ts';
import { reapWorkers } from '../../src/db/worker/worker-presence.ts';
import { repeat } from './repeat.ts';

const REAP_MS = 500;
const TICK_MS = 1_000;
const HEAL_MS = 15_000;

export type ChoreOptions = {
  pool: Pool;
  /** Returns the id of this worker, or undefined while the worker is not registered. */
  worker(): string | undefined;
  log: Logger;
  /** Releases runs that this worker owns in the database and does not hold. */
  reconcile(): Promise<number>;
  /** Called when dead workers, or runs without a wake-up, were found. */
  onRecovered(reason: 'dead_worker' | 'lost_wake_up', count: number): void;
};

/**
 * Work that every worker repeats every few seconds on behalf of all, such as removing dead workers.
 */
export class Chores {
  readonly #options: ChoreOptions;
  readonly #stops: (() => Promise<void>)[] = [];

  constructor(options: ChoreOptions) {
    this.#options = options;
  }

  /** Removes dead workers, and repeats all chores from then on. */
  async start(): Promise<void> {
    await this.#reap();
    this.#repeat(REAP_MS, () => this.#reap());
    this.#repeat(TICK_MS, () => this.#tick());
    this.#repeat(HEAL_MS, () => this.#heal());
    this.#repeat(HEAL_MS, () => this.#reconcile());
  }

  /** Stops all chores and waits for those under way. */
  async stop(): Promise<void> {
    await Promise.all(this.#stops.splice(0).map((stopChore) => stopChore()));
  }

  #repeat(ms: number, chore: () => Promise<void>): void {
    this.#stops.push(repeat(ms, chore));
  }

  /** Does a chore. Logs its failure, unless this worker is not registered, which is in the log. */
  async #attempt(failure: string, chore: () => Promise<void>): Promise<void> {
    try {
      await chore();
    } catch (error) {
      const { worker, log } = this.#options;
      if (worker() !== undefined) log.warn({ reason: (error as Error).message }, failure);
    }
  }

  #reap(): Promise<void> {
    const { pool, worker: self, onRecovered, log } = this.#options;
    const failure = 'dead workers could not be removed; retrying in half a second';
    return this.#attempt(failure, async () => {
      for await (const worker of reapWorkers(pool, self())) {
        onRecovered('dead_worker', 1);
        log.warn({ worker }, 'a dead worker was found; its runs continue on other workers');
      }
    });
  }

  async #tick(): Promise<void> {
    const { pool } = this.#options;
    await this.#attempt('schedules could not be fired; retrying in a second', () =>
      fireSchedules(pool),
    );
    await this.#attempt('questions could not be expired; retrying in a second', () =>
      expireQuestions(pool),
    );
    await this.#attempt('alert rules could not be enqueued; retrying in a second', () =>
      enqueueAlerts(pool),
    );
    await this.#attempt('grading rules could not be enqueued; retrying in a second', () =>
      enqueueGradings(pool),
    );
  }

  #heal(): Promise<void> {
    const { pool, onRecovered, log } = this.#options;
    return this.#attempt('the queue could not be checked; retrying in 15 seconds', async () => {
      const healed = await healQueue(pool);
      if (healed > 0) {
        onRecovered('lost_wake_up', healed);
        log.warn({ healed }, 'runs without a wake-up were woken');
      }
    });
  }

  #reconcile(): Promise<void> {
    const { reconcile, log } = this.#options;
    return this.#attempt('owned runs could not be checked; retrying in 15 seconds', async () => {
      const released = await reconcile();
      if (released > 0) log.warn({ released }, 'runs that this worker did not hold were released');
    });
  }
}
