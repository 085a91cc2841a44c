import { ReturnTimes } from './return-times.ts';
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
/**
 * Errands that may take long, so many at once, and of one tenant no more than its part. Who finds no room waits here, and is begun
 * as soon as there is some, in the order they came; and as this process may end before, its job comes again.
 */
export class WaitingLine<Begun> {
  readonly #slots: TenantSlots;
  readonly #doing: Doing<Begun>;
  readonly #failed: (error: unknown, errand: Errand) => void;
  readonly #returnTimes: ReturnTimes;
  readonly #waiting = new Map<string, Map<string, Errand>>();

  constructor(
    room: { atOnce: number; ofOneTenant: number },
    doing: Doing<Begun>,
    failed: (error: unknown, errand: Errand) => void,
    now?: () => number,
  ) {
    this.#slots = new TenantSlots(room.atOnce, room.ofOneTenant);
    this.#doing = doing;
    this.#failed = failed;
    this.#returnTimes = new ReturnTimes(now);
  }

  /** Begins it; or says when its job is to come again, for want of room. */
  async come(errand: Errand): Promise<Date | undefined> {
    if (!this.#slots.enter(errand.tenant_id)) return this.#wait(errand);
    this.#waiting.get(errand.tenant_id)?.delete(errand.id);
    await this.#start(errand);
    return undefined;
  }

  #wait(errand: Errand): Date {
    const waiting = this.#waiting.get(errand.tenant_id) ?? new Map<string, Errand>();
    this.#waiting.set(errand.tenant_id, waiting);
    if (waiting.size < MOST_WAITING) waiting.set(errand.id, errand);
    return this.#returnTimes.next(errand.tenant_id);
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
      const [next] = waiting.values();
      if (!next) {
        this.#waiting.delete(tenant);
      } else if (this.#slots.enter(tenant)) {
        waiting.delete(next.id);
        this.#waiting.delete(tenant);
        this.#waiting.set(tenant, waiting); // behind the others
        void this.#start(next).catch((error: unknown) => this.#failed(error, next));
        return;
      }
    }
  }
}
