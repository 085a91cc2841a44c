import type { Logger } from 'pino';
import type { Release } from '../../src/concurrency/semaphore.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { recordBatch } from '../../src/db/worker/batch-progress.ts';
import { DueWorkPoller, type LookResult } from '../due-work-poller.ts';
import { TenantSemaphore } from '../tenant-semaphore.ts';
import { type BatchJob, doTurn, type Lane, ONLY_LANE } from './batch-job.ts';

/** The most tenants and lanes whose last turns are remembered. */
const MAX_REMEMBERED = 10_000;

export type BatchRunnerOptions = {
  pool: Pool;
  log: Logger;
  /** Returns false while this worker is not registered: the log says so, so failures do not. */
  isRegistered?(): boolean;
};

/**
 * Runs a batch job: looks for lanes with due rows, and gives each a turn. Tenants take turns, and
 * so do lanes. Records the progress of each turn, which `howdah.batch_jobs` shows. The database
 * returns no due rows of a job that is paused, and none that another worker has taken.
 */
export class BatchRunner {
  readonly #job: BatchJob;
  readonly #options: BatchRunnerOptions;
  readonly #slots: TenantSemaphore;
  readonly #poller: DueWorkPoller;
  /** The lanes that have a turn, with its end. */
  readonly #serving = new Map<string, Promise<void>>();
  /** The number of the last turn of tenants and lanes, by id. */
  readonly #turns = new Map<string, number>();
  readonly #over = new AbortController();
  #turn = 0;

  constructor(job: BatchJob, options: BatchRunnerOptions) {
    const { atOnce, ofOneTenant } = job.lanes ?? { atOnce: 1, ofOneTenant: 1 };
    this.#job = job;
    this.#options = options;
    this.#slots = new TenantSemaphore(atOnce, ofOneTenant);
    this.#poller = new DueWorkPoller({
      everyMs: job.everyMs,
      onError: (err) => this.#warn({ err }, 'due rows could not be looked for; retrying'),
    });
  }

  /** Looks for due rows after a pause, and then again and again. */
  start(afterMs = 0): void {
    this.#poller.start(() => this.#look(), afterMs);
  }

  /** Looks for due rows, since there may be some. */
  nudge(): void {
    this.#poller.nudge();
  }

  /** True if no lane has a turn. */
  get isIdle(): boolean {
    return this.#serving.size === 0;
  }

  /** Ends each turn after the row or batch under way. */
  async stop(): Promise<void> {
    this.#over.abort();
    await this.#poller.stop();
    await Promise.all(this.#serving.values());
  }

  /** Begins a turn for each lane with due rows and a free slot. */
  async #look(): Promise<LookResult> {
    const { lanes } = this.#job;
    const due = lanes ? await lanes.due() : [ONLY_LANE];
    for (const lane of this.#inTurn(due)) {
      const isServed = this.#serving.has(lane.id);
      const release = isServed ? undefined : this.#slots.tryAcquire(lane.tenantId);
      if (release) this.#serve(lane, release);
    }
    return lanes && due.length > 0 ? 'no_room' : 'nothing'; // a turn may leave some
  }

  /** Sorts lanes by the last turn of their tenant, then by their own. */
  #inTurn(lanes: readonly Lane[]): Lane[] {
    const turnOf = (id: string) => this.#turns.get(id) ?? 0;
    return lanes.toSorted(
      (one, other) =>
        turnOf(one.tenantId) - turnOf(other.tenantId) || turnOf(one.id) - turnOf(other.id),
    );
  }

  #serve(lane: Lane, release: Release): void {
    if (this.#turns.size > MAX_REMEMBERED) this.#turns.clear();
    this.#turn += 1;
    this.#turns.set(lane.tenantId, this.#turn).set(lane.id, this.#turn);
    const turn = this.#takeTurn(lane).finally(() => {
      this.#serving.delete(lane.id);
      release();
      this.#poller.room();
    });
    this.#serving.set(lane.id, turn);
  }

  async #takeTurn(lane: Lane): Promise<void> {
    const { pool } = this.#options;
    const { name } = this.#job;
    const { done, failures, error: err } = await doTurn(this.#job, lane, this.#over.signal);
    for (const { error: err, id } of failures)
      this.#warn({ err, id }, 'a row of a batch job could not be done; trying again later');
    if (err !== undefined) this.#warn({ err, lane: lane.id }, 'a batch failed; trying again later');
    await recordBatch(pool, name, done, err ?? failures.at(-1)?.error).catch((err) => {
      this.#warn({ err }, 'the progress of a batch job could not be recorded');
    });
  }

  #warn(fields: Record<string, unknown>, message: string): void {
    const { log, isRegistered = () => true } = this.#options;
    if (isRegistered()) log.warn({ job: this.#job.name, ...fields }, message);
  }
}
