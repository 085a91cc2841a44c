import type { TenantLoad } from '../../db/runs/tenant-load.ts';
import { type PreemptionQuota, planPreemption } from './plan-preemption.ts';
import type { RunSlots } from './run-slots.ts';

export type FairShareOptions = {
  slots: RunSlots;
  /** Returns the number of runs in this process, by tenant. */
  heldByTenant(): Map<string, number>;
  /**
   * Reads how many runs each tenant has at work, over all workers, and which tenants have due runs.
   */
  readLoads(tenants: string[]): Promise<TenantLoad[]>;
  sleep(ms: number): Promise<unknown>;
  /** Returns true if the process drains or is over, so that no more runs enter. */
  isDraining(): boolean;
};

const READ_LOADS_EVERY_MS = 250;
/** The number of readings after which waiting wake-ups go to other workers that have room. */
const READINGS_PER_REJECTION = 4;
/**
 * The time for which a tenant's only run keeps its slot before a tenant with no run may take it.
 */
const FAIR_TIME_MS = 5_000;

/**
 * Schedules preemption while a process has no room and wake-ups wait. From time to time it
 * determines whose runs should give way to a tenant that has fewer at work. It costs nothing while
 * there is room.
 */
export class FairShareScheduler {
  readonly #options: FairShareOptions;
  #plan = new Map<string, PreemptionQuota>();
  #isWatching = false;

  constructor(options: FairShareOptions) {
    this.#options = options;
  }

  /** Starts to watch. Called when a wake-up waits for room. */
  watch(): void {
    if (!this.#isWatching) {
      this.#isWatching = true;
      void this.#watch().finally(() => {
        this.#isWatching = false;
        this.#plan.clear();
      });
    }
  }

  /**
   * Returns whether a run has to give way. Called between two steps of a run, which must give way
   * after true.
   */
  shouldPreempt(tenant: string, heldMs: number): boolean {
    const due = this.#plan.get(tenant);
    if (due && due.now > 0) {
      due.now -= 1;
      return true;
    }
    if (due && due.later > 0 && heldMs >= FAIR_TIME_MS) {
      due.later -= 1;
      return true;
    }
    return false;
  }

  async #watch(): Promise<void> {
    const { slots, heldByTenant, readLoads, sleep, isDraining } = this.#options;
    for (let readings = 1; ; readings += 1) {
      await sleep(READ_LOADS_EVERY_MS);
      if (isDraining() || slots.waiting === 0) {
        return;
      }
      const mine = heldByTenant();
      const found = await readLoads([...mine.keys()]).catch(() => []); // no database: try again
      this.#plan = planPreemption(found, mine);
      if (
        readings % READINGS_PER_REJECTION === 0 &&
        found.some(({ other_workers }) => other_workers > 0)
      ) {
        slots.rejectWaiting();
      }
    }
  }
}

/** Counts how often each key occurs. */
export function countEach(keys: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const key of keys) counts.set(key, (counts.get(key) ?? 0) + 1);
  return counts;
}
