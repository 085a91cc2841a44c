import { isConnectionLoss } from '../db/connection/sqlstate.ts';
import type { Claim, ClaimedRun } from '../db/runs/runs.ts';
import { tenantLoad } from '../db/runs/tenant-load.ts';
import { type Retry, StatementRetries } from './environment/statement-retries.ts';
import { GroupCommitter } from './held-run/committer.ts';
import type { HeldRun } from './held-run/held-run.ts';
import { advance } from './loop/advance.ts';
import type { RuntimeOptions } from './runtime-options.ts';
import type { ClaimedBatch } from './scheduling/claim-batcher.ts';
import { Claimer } from './scheduling/claimer.ts';
import { countEach, FairShareScheduler } from './scheduling/fair-share-scheduler.ts';
import { HeldRunFactory } from './scheduling/held-run-factory.ts';
import { LoneRuns } from './scheduling/lone-runs.ts';
import { RunSlots } from './scheduling/run-slots.ts';

/** Shared, because creating an error captures a stack trace. */
const RUN_OVER = new DOMException('this worker no longer runs the run', 'AbortError');

/** The pause after a fault, since its cause may still be there. */
const PAUSE_MS = 250;

/**
 * The runs of one worker process: thousands of them, each a promise that waits for a model or a
 * tool.
 */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #held = new Map<string, { run: HeldRun; claim: Claim; done: Promise<void> }>();
  /** Runs whose offers are being claimed. */
  readonly #offered = new Set<string>();
  readonly #slots: RunSlots;
  readonly #scheduler: FairShareScheduler;
  readonly #over = new AbortController();
  readonly #runs: HeldRunFactory;
  readonly #claimer: Claimer;
  readonly #retries: StatementRetries;
  readonly lone: LoneRuns;
  #draining = false;
  /** Claims due runs without their wake-ups. */
  readonly claimDueRuns = (): ReturnType<Claimer['claimDueRuns']> => this.#claimer.claimDueRuns();

  constructor(options: RuntimeOptions) {
    this.#options = options;
    const sleep = (ms: number) => options.world.sleep(ms, this.#over.signal);
    const isDraining = () => this.#draining;
    this.#retries = new StatementRetries(options.onRetry);
    this.#slots = new RunSlots(options.capacity);
    this.#claimer = new Claimer({
      pool: options.pool,
      claimPool: options.claims,
      heldClaims: () => [...this.#held.values()].map(({ claim }) => claim),
      reserve: (most) => this.#slots.reserve(most),
      acceptExtraRuns: (left) => this.#acceptBatch(left),
      sleep,
      isDraining,
      signal: this.#over.signal,
      retries: this.#retries,
    });
    this.#scheduler = new FairShareScheduler({
      slots: this.#slots,
      heldByTenant: () =>
        countEach([...this.#held.values()].map(({ run }) => run.context.tenant_id)),
      readLoads: (tenants) => tenantLoad(options.pool, tenants, this.#claimer.lastServedTenant),
      sleep,
      isDraining,
    });
    const committer = new GroupCommitter({
      pool: options.pool,
      worker: () => this.#claimer.worker,
      signal: this.#over.signal,
      retries: this.#retries,
    });
    this.lone = new LoneRuns({
      ...{ slots: this.#slots, capacity: options.capacity, sleep: options.world.sleep },
      abortOthers: () => this.#held.forEach(({ run }) => void run.abort.abort(RUN_OVER)),
      run: (id) => this.runOnly(id, true),
      leave: () => this.#leave(),
    });
    this.#runs = new HeldRunFactory(options, committer, () => this.#claimer.worker);
  }

  /** The id under which runs are claimed now. */
  get worker(): string {
    return this.#claimer.worker;
  }

  get inFlight(): number {
    return this.#held.size;
  }

  /** True if this process owns no run, and none is about to arrive. */
  get isIdle(): boolean {
    return this.#slots.isIdle;
  }

  /** The kinds of statements that have failed for long. */
  get failing(): Retry['what'][] {
    return this.#retries.failing;
  }

  /**
   * Sets the id under which runs are claimed, or null while there is none. The runs of the id
   * before are dropped and released.
   */
  setWorkerId(id: string | null): void {
    for (const { run } of this.#held.values()) {
      run.relinquish();
    }
    this.#claimer.setWorkerId(id);
  }

  /**
   * Claims the run if it is due and free, or the run whose turn it is, and continues it. Resolves
   * once this is decided. At capacity the smaller priority enters first. Returns false if the
   * process drains or had no room; another worker must then be woken.
   */
  async wake(executionId: string, priority: number): Promise<boolean> {
    // An offer may have brought the run before its wake-up. Such a wake-up must not wait for room,
    // because it would block a slot of the job queue. The run may be due again while this process
    // still knows it. The pause then keeps the returned wake-up from coming back in a busy loop.
    const isHere = this.#held.has(executionId) || this.#offered.has(executionId);
    if (isHere && !this.#slots.hasRoom) {
      await this.#options.world.sleep(PAUSE_MS, this.#over.signal);
      return false;
    }
    const isIn = this.#slots.acquire(priority);
    this.#callOthersIfShort();
    if (this.#slots.waiting > 0) this.#scheduler.watch();
    if (!(await isIn)) {
      return false;
    }
    try {
      const claimed = await this.#claimer.claim(executionId);
      await (claimed ? this.#acceptRun(claimed) : this.#leave());
      return !this.#draining;
    } catch (error) {
      this.#leave();
      throw error;
    }
  }

  /** Claims runs that the database has offered, as far as there is room. Never rejects. */
  async takeOffer(executionIds: readonly string[]): Promise<void> {
    const ids = executionIds.filter((id) => !this.#held.has(id) && !this.#offered.has(id));
    await Promise.all(ids.map((id) => this.#takeOffered(id)));
  }

  async #takeOffered(id: string): Promise<void> {
    if (this.#draining || !this.#slots.hasRoom) return; // the wake-up is in the queue
    this.#offered.add(id);
    let claimed: ClaimedRun | undefined;
    try {
      await this.#slots.acquire(0);
      claimed = await this.#claimer.claim(id, 'offer');
      await (claimed ? this.#acceptRun(claimed) : this.#leave());
    } catch (error) {
      this.#leave();
      // a rejected claim is rejected again at the wake-up, which reports it
      if (claimed) this.#options.onError(error, claimed.execution_id, claimed.tenant_id);
    } finally {
      this.#offered.delete(id);
    }
  }

  /** Claims a run and advances it while this process holds it, for a slot that may be taken. */
  async runOnly(executionId: string, hasSlot = false): Promise<void> {
    if (!hasSlot && !(await this.#slots.acquire(0))) return;
    try {
      const claimed = await this.#claimer.claim(executionId);
      await (claimed ? this.#acceptRun(claimed) : this.#leave());
    } catch (error) {
      this.#leave();
      throw error;
    }
    await this.#held.get(executionId)?.done;
  }

  /**
   * Calls other workers if more wake-ups wait than reserved slots may come free. A claim reserves
   * all slots for a moment, so a wake-up that comes then is likely to get one.
   */
  #callOthersIfShort(): void {
    if (this.#slots.hasTooFewSlots) this.#options.onFull?.();
  }

  #leave(): void {
    this.#slots.release();
    this.#options.onRoom?.();
  }

  /**
   * Aborts the calls of a run that is reported as cancelled or taken over. Anybody may send such a
   * report, so the database is asked first.
   */
  async abort(executionId: string): Promise<void> {
    const entry = this.#held.get(executionId);
    if (entry && (await this.#claimer.hasLost(entry.claim))) entry.run.relinquish();
  }

  /** Releases runs that this worker owns and does not hold. Returns the number of these runs. */
  reconcile(): Promise<number> {
    return this.#claimer.reconcile();
  }

  /**
   * Accepts no more runs. Calls in flight may commit for up to `graceMs`, then all runs are
   * released.
   */
  async drain(graceMs: number): Promise<void> {
    const { world } = this.#options;
    this.#draining = true;
    this.#claimer.stop();
    this.#slots.rejectWaiting();
    const all = Promise.allSettled([...this.#held.values()].map((entry) => entry.done));
    await Promise.race([all, world.sleep(graceMs, this.#over.signal)]);
    for (const { run } of this.#held.values()) {
      run.abort.abort();
    }
    await Promise.race([all, world.sleep(1_000, this.#over.signal)]);
    this.#over.abort();
  }

  /**
   * Accepts runs that came without a wake-up of their own. Frees the reserved slots that were not
   * used.
   */
  #acceptBatch({ runs, reservedSlots }: ClaimedBatch): void {
    this.#slots.settle(reservedSlots, runs.length);
    if (reservedSlots > runs.length) this.#options.onRoom?.(); // a search meanwhile had no room
    this.#callOthersIfShort();
    for (const run of runs) {
      this.#acceptRun(run).catch((error) => {
        this.#leave();
        this.#options.onError(error, run.execution_id, run.tenant_id);
      });
    }
  }

  async #acceptRun(claimed: ClaimedRun): Promise<void> {
    try {
      await this.#start(claimed);
    } finally {
      this.#claimer.endArrival(claimed);
    }
  }

  /** Creates the run of a claim and starts to advance it. Resolves when it has started. */
  async #start(claimed: ClaimedRun): Promise<void> {
    const owner = this.#claimer.worker;
    const run = await this.#runs.load(claimed).catch(async (error) => {
      await this.#options.world.sleep(PAUSE_MS, this.#over.signal);
      await this.#claimer.release(claimed, owner, !isConnectionLoss(error));
      throw error;
    });
    if (!run) {
      this.#leave(); // released with all the others
      return;
    }
    this.#held.get(run.id)?.run.relinquish(); // an older claim
    if (claimed.has_subscribers) {
      this.#options.announce(run.id);
    }
    const done = this.#advance(run, claimed, owner).finally(() => {
      if (this.#held.get(run.id)?.run === run) {
        this.#held.delete(run.id); // not if the same run was claimed again meanwhile
      }
      this.#leave();
    });
    this.#held.set(run.id, { run, claim: claimed, done });
  }

  /**
   * Advances a run until it ends or is released. A fault that is not the database's counts as a
   * crash, because a run that causes one each time must end some day.
   */
  async #advance(run: HeldRun, claimed: ClaimedRun, owner: string): Promise<void> {
    const { world, onError, keepsSuspects } = this.#options;
    const tenant = run.context.tenant_id;
    const since = performance.now();
    let isFault = false;
    try {
      let steps = 0; // a run is not preempted before its first step
      await advance(run, world, () => {
        if (this.#draining || this.lone.isClearing) return true;
        if (claimed.is_suspect && run.hasProgress && !keepsSuspects) return true;
        steps += 1;
        return steps > 1 && this.#scheduler.shouldPreempt(tenant, performance.now() - since);
      });
    } catch (error) {
      isFault = !isConnectionLoss(error);
      onError(error, run.id, tenant);
      await world.sleep(PAUSE_MS, run.abort.signal);
    }
    run.abort.abort(RUN_OVER); // other calls may still be in flight
    if (run.isHeld) {
      run.isHeld = false;
      await this.#claimer.release(claimed, owner, isFault);
    }
  }
}
