import type { Logger } from 'pino';
import { Semaphore } from '../../src/concurrency/semaphore.ts';
import type { Pool } from '../../src/db/connection/pool.ts';
import { returnSuspect, type Suspect, takeSuspect } from '../../src/db/worker/suspects.ts';
import { repeat } from '../upkeep/repeat.ts';

/** Most runs that end their process do so at once. */
export const ALONE = { graceMs: 20_000, aloneMs: 10_000 };
/** A run that became a suspect again is alone for so many times as long. */
export const REPEATED_FACTOR = 6;

/** A suspect, and the worker that lets a process run it. */
export type IsolatedRun = Suspect & { parent: string };

/**
 * Runs a suspect in a process of its own. Resolves when the process has ended; false if it ended
 * before it could claim anything. The signal asks the process to hand the run over.
 */
export type RunInProcess = (run: IsolatedRun, signal: AbortSignal) => Promise<boolean>;

export type IsolatorOptions = {
  pool: Pool;
  /** Returns the id of this worker, or undefined while the worker is not registered. */
  worker(): string | undefined;
  /** Absent if the tools of this worker exist in its own process only. */
  runInProcess?: RunInProcess | undefined;
  /** Runs a suspect in this process, without any other run beside it. */
  runHere(suspect: Suspect): Promise<void>;
  log: Logger;
};

const POLL_MS = 1_000;
/** Most processes at once. Most of them wait for a model. */
const MAX_PROCESSES = 4;

/**
 * Runs suspects alone: runs that workers died with (sql/10_private/queue/isolated_runs.sql). Each
 * gets a process of its own, so that the next death ends nothing else. If no process can be
 * started, this one hands over its other runs, and takes the suspect alone.
 */
export class Isolator {
  readonly #options: IsolatorOptions;
  readonly #active = new Map<string, Promise<void>>();
  /** Suspects that are over and could not be given back yet, with the worker that took them. */
  readonly #toReturn = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #ownProcess = new Semaphore(1);
  #stopPolling: (() => Promise<void>) | undefined;

  constructor(options: IsolatorOptions) {
    this.#options = options;
  }

  /** True if no suspect runs alone for this worker. */
  get isIdle(): boolean {
    return this.#active.size === 0;
  }

  start(): void {
    this.#stopPolling = repeat(POLL_MS, () => this.#poll());
  }

  /** Takes no more suspects, and asks those at work to be handed over. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#stopPolling?.();
    await Promise.all(this.#active.values());
  }

  async #poll(): Promise<void> {
    const { pool, worker, runInProcess, log } = this.#options;
    try {
      for (const [id, owner] of this.#toReturn) {
        await returnSuspect(pool, owner, id);
        this.#toReturn.delete(id);
      }
      const most = runInProcess ? MAX_PROCESSES : 1;
      while (this.#active.size < most && !this.#stopping.signal.aborted) {
        const parent = worker();
        const suspect = parent === undefined ? undefined : await takeSuspect(pool, parent);
        if (parent === undefined || !suspect) return;
        this.#begin({ ...suspect, parent });
      }
    } catch (error) {
      const reason = (error as Error).message;
      if (worker() !== undefined) log.warn({ reason }, 'suspects could not be looked for');
    }
  }

  #begin(run: IsolatedRun): void {
    const { log } = this.#options;
    log.warn({ execution_id: run.id }, 'workers died with this run; it now runs alone');
    const work = this.#run(run)
      .catch((err) => log.error({ err, execution_id: run.id }, 'a suspect could not be run'))
      .finally(() => {
        this.#active.delete(run.id);
        this.#toReturn.set(run.id, run.parent);
      });
    this.#active.set(run.id, work);
  }

  async #run(run: IsolatedRun): Promise<void> {
    const { runInProcess, runHere, log } = this.#options;
    const { signal } = this.#stopping;
    if (runInProcess && (await runInProcess(run, signal))) return;
    if (signal.aborted) return;
    if (runInProcess) log.warn('a process of its own did not start; this one hands its runs over');
    const release = await this.#ownProcess.acquire();
    try {
      await runHere(run);
    } finally {
      release();
    }
  }
}
