import { setTimeout as delay } from 'node:timers/promises';
import type { Pool } from '../../src/db/connection/pool.ts';
import { type GraphileRunner, type RunnerOptions, startRunner } from './graphile-runner.ts';
import { JobUnlocker } from './job-unlocker.ts';

const RETURN_MS = 250;

export type LastingRunnerOptions = RunnerOptions & {
  /**
   * Called when jobs are taken under another pool id from now on. Jobs locked by the old pool must
   * be unlocked.
   */
  onReplaced(): void;
};

/**
 * Takes jobs from the queue, and survives lost connections. A lost connection has two consequences
 * for Graphile Worker. It shuts itself down when it cannot report that a job is done: another one
 * is then started in its place. A job that it has locked without receiving the answer would stay
 * locked for hours: all jobs that its pool has locked are then unlocked. That wakes some runs
 * twice, which does nothing.
 */
export class LastingRunner {
  readonly #options: LastingRunnerOptions;
  readonly #unlocker: JobUnlocker;
  #current: GraphileRunner | undefined;
  #replacing: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: LastingRunnerOptions) {
    this.#options = options;
    this.#unlocker = new JobUnlocker(options);
  }

  /** Starts to take jobs. Resolves when the first search for a job was answered. */
  async start(): Promise<void> {
    this.#current = await this.#startRunner();
  }

  /** The name under which Graphile Worker locks jobs. */
  get poolId(): string {
    return this.#started.poolId;
  }

  /** The connections of the queue. */
  get pool(): Pool {
    return this.#started.pool;
  }

  /** True while the queue looks for jobs. False while it stops or is started again. */
  get isTaking(): boolean {
    return !this.#isStopped && this.#replacing === undefined;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#unlocker.stop();
    await this.#replacing;
    await this.#current?.runner.stop().catch(() => {}); // it may have stopped by itself
  }

  get #started(): GraphileRunner {
    if (!this.#current) throw new Error('the queue has not been started');
    return this.#current;
  }

  #startRunner(): Promise<GraphileRunner> {
    return startRunner(
      this.#options,
      () => this.#restart(),
      (poolId) => this.#unlocker.add(poolId),
    );
  }

  #restart(): void {
    if (this.#isStopped) return;
    this.#replacing = this.#replace().finally(() => {
      this.#replacing = undefined;
    });
  }

  async #replace(): Promise<void> {
    this.#options.log.warn('the queue shut down; restarting it');
    while (!this.#isStopped) {
      try {
        if (this.#current) this.#unlocker.add(this.#current.poolId);
        this.#current = await this.#startRunner();
        this.#options.onReplaced();
        return;
      } catch {
        await delay(RETURN_MS);
      }
    }
  }
}
