import { setTimeout as delay } from 'node:timers/promises';
import { makeWorkerUtils } from 'graphile-worker';
import { graphileLogger, type RunnerOptions } from './graphile-runner.ts';

/** The delay of an unlock, longer than a statement on a lost connection may continue to run. */
const UNLOCK_MS = 500;

/** Unlocks the jobs of pools that may have locked jobs without knowing. */
export class JobUnlocker {
  readonly #options: Pick<RunnerOptions, 'open' | 'log'>;
  readonly #poolIds = new Set<string>();
  #isStopped = false;

  constructor(options: Pick<RunnerOptions, 'open' | 'log'>) {
    this.#options = options;
  }

  /** Unlocks the jobs of a pool soon. Tries until they are unlocked. */
  add(poolId: string): void {
    const isPlanned = this.#poolIds.size > 0;
    this.#poolIds.add(poolId);
    if (!isPlanned) void this.#unlockAll();
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #unlockAll(): Promise<void> {
    while (this.#poolIds.size > 0 && !this.#isStopped) {
      await delay(UNLOCK_MS, undefined, { ref: false });
      const poolIds = [...this.#poolIds];
      if (await this.#unlock(poolIds)) {
        for (const id of poolIds) this.#poolIds.delete(id);
      }
    }
  }

  /** Unlocks all jobs of these pools. Returns false when that failed. */
  async #unlock(poolIds: string[]): Promise<boolean> {
    const { open, log } = this.#options;
    const pgPool = open('howdah-worker', 1);
    try {
      const utils = await makeWorkerUtils({ pgPool, logger: graphileLogger(log) });
      await utils.forceUnlockWorkers(poolIds).finally(() => utils.release());
      return true;
    } catch {
      return false;
    } finally {
      await pgPool.end();
    }
  }
}
