import { TenantSlots } from './tenant-slots.ts';

/** Something a job is about. */
export type Errand = { id: string; tenant_id: string };

/**
 * What is done of it: `begin` while its job runs, so that a failure there is the job's; `go` beside the job. Undefined: there
 * is nothing to be done any more. Before it is done `begin` sees to it that another process tries again, should this one die.
 */
export type Doing<Begun> = {
  begin(errand: Errand): Promise<Begun | undefined>;
  go(begun: Begun): Promise<void>;
};

/** So many of a tenant are remembered here; those beyond only come again. */
const MOST_WAITING = 1_000;
/** Who found no room comes again after a second at the earliest, and those of a tenant so far apart: all at once, a thousand would keep the queue busy. */
const FIRST_MS = 1_000;
const APART_MS = 20;

type Waiting = { errands: Map<string, Errand>; comesAgain: number };

/**
 * Errands that may take long, so many at once, and of one tenant no more than its part. Who finds no room waits here, and is begun
 * as soon as there is some, in the order they came; and as this process may end before, its job comes again.
 */
export class WaitingLine<Begun> {
  readonly #slots: TenantSlots;
  readonly #doing: Doing<Begun>;
  readonly #failed: (error: unknown, errand: Errand) => void;
  readonly #now: () => number;
  readonly #waiting = new Map<string, Waiting>();

  constructor(
    room: { atOnce: number; ofOneTenant: number },
    doing: Doing<Begun>,
    failed: (error: unknown, errand: Errand) => void,
    now: () => number = Date.now,
  ) {
    this.#slots = new TenantSlots(room.atOnce, room.ofOneTenant);
    this.#doing = doing;
    this.#failed = failed;
    this.#now = now;
  }

  /** Begins it; or says when its job is to come again, for want of room. */
  async come(errand: Errand): Promise<Date | undefined> {
    if (!this.#slots.enter(errand.tenant_id)) return this.#wait(errand);
    this.#waiting.get(errand.tenant_id)?.errands.delete(errand.id);
    await this.#start(errand);
    return undefined;
  }

  #wait(errand: Errand): Date {
    const now = this.#now();
    const waiting = this.#waiting.get(errand.tenant_id) ?? { errands: new Map(), comesAgain: 0 };
    this.#waiting.set(errand.tenant_id, waiting);
    if (waiting.errands.size < MOST_WAITING) waiting.errands.set(errand.id, errand);
    waiting.comesAgain = Math.max(now + FIRST_MS, waiting.comesAgain + APART_MS);
    return new Date(waiting.comesAgain);
  }

  async #start(errand: Errand): Promise<void> {
    const begun = await this.#doing.begin(errand).catch((error: unknown) => {
      this.#slots.leave(errand.tenant_id);
      throw error;
    });
    if (begun === undefined) {
      this.#leave(errand);
      return;
    }
    void this.#doing
      .go(begun)
      .catch((error: unknown) => this.#failed(error, errand))
      .finally(() => this.#leave(errand));
  }

  /** Whoever waits and may is next, one of each tenant in turn. What cannot be begun comes again with its job. */
  #leave({ tenant_id }: Errand): void {
    this.#slots.leave(tenant_id);
    for (const [tenant, waiting] of this.#waiting) {
      const [next] = waiting.errands.values();
      if (!next) {
        if (waiting.comesAgain < this.#now()) this.#waiting.delete(tenant);
      } else if (this.#slots.enter(tenant)) {
        waiting.errands.delete(next.id);
        this.#waiting.delete(tenant);
        this.#waiting.set(tenant, waiting); // behind the others
        void this.#start(next).catch((error: unknown) => this.#failed(error, next));
        return;
      }
    }
  }
}
