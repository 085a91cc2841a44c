import type { Release } from '../src/concurrency/semaphore.ts';
import { ReturnTimes } from './return-times.ts';
import { TenantSemaphore } from './tenant-semaphore.ts';

/** The subject of a job. */
export type TenantJob = { id: string; tenant_id: string };

/**
 * The handler of a task. `begin` runs within the job, so that its failure is a failure of the job.
 * It returns undefined when nothing is left to do. Before the work starts, `begin` ensures that
 * another process tries again if this process dies. `go` runs outside of the job.
 */
export type TaskHandler<StartedJob, Job extends TenantJob = TenantJob> = {
  begin(job: Job): Promise<StartedJob | undefined>;
  go(started: StartedJob): Promise<void>;
};

/** Maximum number of waiting jobs per tenant. Further jobs only return to the queue later. */
const MAX_WAITING = 1_000;
/**
 * A queue of tasks that may take long. Limits the tasks that run at once, in all and per tenant.
 * Tasks without a free slot wait here and start in order of arrival. Their jobs also return to the
 * queue later, because this process may end before.
 */
export class FairTaskQueue<StartedJob, Job extends TenantJob = TenantJob> {
  readonly #slots: TenantSemaphore;
  readonly #doing: TaskHandler<StartedJob, Job>;
  readonly #failed: (error: unknown, job: Job) => void;
  readonly #returnTimes: ReturnTimes;
  readonly #waiting = new Map<string, Map<string, Job>>();

  constructor(
    room: { atOnce: number; ofOneTenant: number },
    doing: TaskHandler<StartedJob, Job>,
    failed: (error: unknown, job: Job) => void,
    now?: () => number,
  ) {
    this.#slots = new TenantSemaphore(room.atOnce, room.ofOneTenant);
    this.#doing = doing;
    this.#failed = failed;
    this.#returnTimes = new ReturnTimes(now);
  }

  /**
   * Starts the task of a job. Without a free slot, returns the time at which the job has to return.
   */
  async submit(job: Job): Promise<Date | undefined> {
    const release = this.#slots.tryAcquire(job.tenant_id);
    if (!release) return this.#wait(job);
    this.#waiting.get(job.tenant_id)?.delete(job.id);
    await this.#start(job, release);
    return undefined;
  }

  #wait(job: Job): Date {
    const waiting = this.#waiting.get(job.tenant_id) ?? new Map<string, Job>();
    this.#waiting.set(job.tenant_id, waiting);
    if (waiting.size < MAX_WAITING) waiting.set(job.id, job);
    return this.#returnTimes.next(job.tenant_id);
  }

  async #start(job: Job, release: Release): Promise<void> {
    const started = await this.#doing.begin(job).catch((error: unknown) => {
      release();
      throw error;
    });
    if (started === undefined) {
      this.#leave(release);
      return;
    }
    void this.#doing
      .go(started)
      .catch((error: unknown) => this.#failed(error, job))
      .finally(() => this.#leave(release));
  }

  /**
   * Frees a slot and starts the next waiting task that has a free slot, in turn by tenant. The job
   * of a task that cannot start returns later.
   */
  #leave(release: Release): void {
    release();
    for (const [tenant, waiting] of this.#waiting) {
      const [next] = waiting.values();
      if (!next) {
        this.#waiting.delete(tenant);
        continue;
      }
      const freed = this.#slots.tryAcquire(tenant);
      if (!freed) continue;
      waiting.delete(next.id);
      this.#waiting.delete(tenant);
      this.#waiting.set(tenant, waiting); // behind the others
      void this.#start(next, freed).catch((error: unknown) => this.#failed(error, next));
      return;
    }
  }
}
