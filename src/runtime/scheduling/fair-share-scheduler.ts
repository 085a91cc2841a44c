import type { TenantLoad } from '../../db/runs/tenant-load.ts';
import { type PreemptionOptions, planPreemption } from './plan-preemption.ts';
import type { PrioritySemaphore } from './priority-semaphore.ts';

export type FairShareOptions = {
  slots: PrioritySemaphore;
  /** Runs held in this process, by tenant. */
  held(): Map<string, number>;
  /** Who has how many runs at work, over all workers, and who has due ones. */
  shares(tenants: string[]): Promise<TenantLoad[]>;
  sleep(ms: number): Promise<unknown>;
  /** Draining or over: nobody is let in any more. */
  isOver(): boolean;
};

const ASK_MS = 250;
/** Wake-ups that wait so long for room here go to whoever else has some. */
const ASKS_PER_TURN_AWAY = 4;
/** How long a run of a tenant that has no other goes on before it takes turns with those who have none. */
const FAIR_TIME_MS = 5_000;

/**
 * What a process does while it has no room and wake-ups wait: it asks now and then whose runs should give way to a tenant
 * that has fewer at work. Costs nothing while there is room.
 */
export class FairShareScheduler {
  readonly #options: FairShareOptions;
  #plan = new Map<string, PreemptionOptions>();
  #isWatching = false;

  constructor(options: FairShareOptions) {
    this.#options = options;
  }

  /** Call when somebody waits for room. */
  watch(): void {
    if (!this.#isWatching) {
      this.#isWatching = true;
      void this.#watch().finally(() => {
        this.#isWatching = false;
        this.#plan.clear();
      });
    }
  }

  /** Asked between two steps of a run: whether it is the one to give way. Then it must. */
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
    const { slots, held, shares, sleep, isOver } = this.#options;
    for (let asks = 1; ; asks += 1) {
      await sleep(ASK_MS);
      if (isOver() || slots.waiting === 0) {
        return;
      }
      const mine = held();
      const found = await shares([...mine.keys()]).catch(() => []); // the database is away: ask again
      this.#plan = planPreemption(found, mine);
      if (asks % ASKS_PER_TURN_AWAY === 0 && found.some(({ other_workers }) => other_workers > 0)) {
        slots.rejectWaiting();
      }
    }
  }
}
