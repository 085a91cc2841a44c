import { ReturnTimes } from './return-times.ts';
import { TenantSemaphore } from './tenant-semaphore.ts';

/** Something a job is about. */
export type TenantJob = { id: string; tenant_id: string };

/**
 * What is done of it: `begin` while its job runs, so that a failure there is the job's; `go` beside the job. Undefined: there
 * is nothing to be done any more. Before it is done `begin` sees to it that another process tries again, should this one die.
 */
export type TaskHandler<StartedJob> = {
  begin(job: TenantJob): Promise<StartedJob | undefined>;
  go(started: StartedJob): Promise<void>;
};

/** So many of a tenant are remembered here; those beyond only come again. */
const MOST_WAITING = 1_000;
/**
 * Errands that may take long, so many at once, and of one tenant no more than its part. Who finds no room waits here, and is started
 * as soon as there is some, in the order they came; and as this process may end before, its job comes again.
 */
export class FairTaskQueue<StartedJob> {
  readonly #slots: TenantSemaphore;
  readonly #doing: TaskHandler<StartedJob>;
  readonly #failed: (error: unknown, job: TenantJob) => void;
  readonly #returnTimes: ReturnTimes;
  readonly #waiting = new Map<string, Map<string, TenantJob>>();

  constructor(
    room: { atOnce: number; ofOneTenant: number },
    doing: TaskHandler<StartedJob>,
    failed: (error: unknown, job: TenantJob) => void,
    now?: () => number,
  ) {
    this.#slots = new TenantSemaphore(room.atOnce, room.ofOneTenant);
    this.#doing = doing;
    this.#failed = failed;
    this.#returnTimes = new ReturnTimes(now);
  }

  /** Begins it; or says when its job is to come again, for want of room. */
  async submit(job: TenantJob): Promise<Date | undefined> {
    if (!this.#slots.enter(job.tenant_id)) return this.#wait(job);
    this.#waiting.get(job.tenant_id)?.delete(job.id);
    await this.#start(job);
    return undefined;
  }

  #wait(job: TenantJob): Date {
    const waiting = this.#waiting.get(job.tenant_id) ?? new Map<string, TenantJob>();
    this.#waiting.set(job.tenant_id, waiting);
    if (waiting.size < MOST_WAITING) waiting.set(job.id, job);
    return this.#returnTimes.next(job.tenant_id);
  }

  async #start(job: TenantJob): Promise<void> {
    const started = await this.#doing.begin(job).catch((error: unknown) => {
      this.#slots.leave(job.tenant_id);
      throw error;
    });
    if (started === undefined) {
      this.#leave(job);
      return;
    }
    void this.#doing
      .go(started)
      .catch((error: unknown) => this.#failed(error, job))
      .finally(() => this.#leave(job));
  }

  /** Whoever waits and may is next, one of each tenant in turn. What cannot be started comes again with its job. */
  #leave({ tenant_id }: TenantJob): void {
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
