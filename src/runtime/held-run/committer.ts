import { setTimeout as sleep } from 'node:timers/promises';
import { FairQueue } from '../../concurrency/fair-queue.ts';
import type { Pool, PoolClient } from '../../db/connection/pool.ts';
import { faultOf, isRefusal, isTimeout, isTransient } from '../../db/connection/sqlstate.ts';
import type { Commit } from '../../db/runs/commit-query.ts';
import { type CommitResult, commitSteps } from '../../db/runs/runs.ts';
import { StatementRetries } from '../environment/statement-retries.ts';
import { bytesOfCommit, LARGE_COMMIT_BYTES } from './commit-size.ts';

/**
 * Batches in flight at once. While the database works on one and waits for its disk, this process
 * works on the result of the other.
 */
const FLUSHES = 2;
/**
 * Maximum number of commits that are sent alone at a time. While that many are under way, only one
 * batch is.
 */
const MAX_SINGLE_COMMITS = 2;
/**
 * Minimum number of commits per call. The overhead of a call equals that of about fifteen commits,
 * so fewer are not split between two calls.
 */
const WORTH_A_CALL = 16;
/** Most commits of a batch. More commits gain nothing, and all of them wait for the last. */
const MAX_AT_ONCE = 512;
/** The number of steps from which a commit is sent alone, since other commits would wait for it. */
const LARGE = 32;
/** Most time-outs of a single commit; then the commit fails. */
const MAX_TIMEOUTS = 4;

/** The result of a commit, with the written content if it differs from the request. */
export type Committed = CommitResult & Partial<Pick<Commit, 'steps' | 'to'>>;

/**
 * The outcome of a commit, for those who made the steps.
 *
 * - `inbox`: the run was not ended, since something came for it from outside; nothing was written.
 * - `lost`: the run is no longer held; nothing was written.
 */
export type RunCommit = 'committed' | 'inbox' | 'lost';

export type Committer = {
  /**
   * Commits steps, which are durable when the promise resolves. `stale` means that another worker
   * owns the run, or that this process gave up. Rejects if the database rejects the content itself,
   * and with `SizeLimitError` if the commit has too many bytes.
   */
  commit(commit: Commit, tenant: string): Promise<Committed>;
  /**
   * Commits steps in a transaction of the caller, who rolls it back unless the outcome is
   * `committed`.
   */
  commitOn(client: PoolClient, commit: Commit): Promise<Committed>;
};

export type CommitterOptions = {
  pool: Pool;
  worker: () => string;
  signal: AbortSignal;
  retries?: StatementRetries;
};

type Pending = {
  commit: Commit;
  tenant: string;
  resolve(result: CommitResult): void;
  reject(error: unknown): void;
};

/**
 * Group commit: the steps of all runs that are ready in one turn of the event loop go to the
 * database in one call, one transaction, one flush. A batch whose outcome is unknown, because the
 * connection was lost, is sent again, and `commit_steps` recognises what is written already. The
 * server ends a statement before the client gives up, so a batch is never sent again while its
 * first attempt still runs.
 *
 * No tenant delays the others. Waiting commits go into batches in turns among tenants. A large
 * commit (of many steps or bytes), and each commit of a batch that waited for a lock, is sent
 * alone, one per tenant at a time. One connection always remains for batches.
 */
export class GroupCommitter implements Committer {
  readonly #pool: Pool;
  readonly #worker: () => string;
  readonly #signal: AbortSignal;
  readonly #retries: StatementRetries;
  readonly #waiting = new TenantQueues();
  /** Places of the commits that are each sent alone. */
  readonly #lanes = new FairQueue({ places: MAX_SINGLE_COMMITS, max_per_key: 1 });
  #batchesInFlight = 0;
  #commitsInFlight = 0;
  #isFlushScheduled = false;

  constructor({ pool, worker, signal, retries = new StatementRetries() }: CommitterOptions) {
    this.#pool = pool;
    this.#worker = worker;
    this.#signal = signal;
    this.#retries = retries;
  }

  async commit(commit: Commit, tenant: string): Promise<Committed> {
    const isLarge = bytesOfCommit(commit) >= LARGE_COMMIT_BYTES || commit.steps.length >= LARGE;
    return new Promise((resolve, reject) => {
      const pending = { commit, tenant, resolve, reject };
      this.#waiting.removeOlder(commit)?.resolve(STALE);
      if (isLarge) {
        void this.#sendAlone(pending);
      } else {
        this.#waiting.push(pending);
        this.#scheduleFlush();
      }
    });
  }

  async commitOn(client: PoolClient, commit: Commit): Promise<Committed> {
    bytesOfCommit(commit); // refuses a commit that is too large
    return (await commitSteps(client, this.#worker(), [commit])).get(commit.id) ?? STALE;
  }

  #scheduleFlush(): void {
    if (!this.#isFlushScheduled && this.#waiting.size > 0 && this.#mayFlush()) {
      this.#isFlushScheduled = true;
      setImmediate(() => void this.#flush());
    }
  }

  /**
   * Returns whether a batch may be sent. A few commits beside a large batch wait for it, because a
   * call of their own would only slow it down.
   */
  #mayFlush(): boolean {
    return (
      this.#batchesInFlight === 0 ||
      (this.#batchesInFlight < FLUSHES &&
        this.#batchesInFlight + this.#lanes.taken <= MAX_SINGLE_COMMITS &&
        this.#waiting.size * 4 >= this.#commitsInFlight)
    );
  }

  async #flush(): Promise<void> {
    this.#isFlushScheduled = false;
    const batch = this.#takeBatch();
    this.#batchesInFlight += 1;
    this.#commitsInFlight += batch.length;
    this.#scheduleFlush();
    await this.#send(batch);
    this.#batchesInFlight -= 1;
    this.#commitsInFlight -= batch.length;
    this.#scheduleFlush();
  }

  /**
   * Takes an equal part of all that is to be committed, so that the calls stay about equal and
   * neither waits for the other.
   */
  #takeBatch(): Pending[] {
    const part = Math.ceil((this.#waiting.size + this.#commitsInFlight) / FLUSHES);
    return this.#waiting.take(Math.min(Math.max(part, WORTH_A_CALL), MAX_AT_ONCE));
  }

  async #sendAlone(pending: Pending): Promise<void> {
    const leave = await this.#lanes.acquire(pending.tenant, this.#signal).catch(() => undefined);
    if (!leave) return pending.resolve(STALE); // this process shuts down
    await this.#send([pending]);
    leave();
    this.#scheduleFlush();
  }

  /** Sends commits in one call, until their outcome is known or this process shuts down. */
  async #send(batch: readonly Pending[]): Promise<void> {
    const commits = batch.map(({ commit }) => commit);
    for (let attempt = 1; !this.#signal.aborted; attempt += 1) {
      try {
        const results = await commitSteps(this.#pool, this.#worker(), commits);
        this.#retries.recordSuccess('commit');
        for (const { commit, resolve } of batch) resolve(results.get(commit.id) ?? STALE);
        return;
      } catch (error) {
        if (this.#giveUp(batch, error, attempt)) return;
        await pause(this.#retries.recordFailure({ what: 'commit', error, attempt }), this.#signal);
      }
    }
    for (const { resolve } of batch) resolve(STALE);
  }

  /**
   * Ends the attempts at a batch whose error does not pass. The only commit of a batch is rejected.
   * Several commits are each sent alone, so that a failure reaches only its run. Returns false if
   * the batch is to be sent again.
   */
  #giveUp(batch: readonly Pending[], error: unknown, attempt: number): boolean {
    const [only, ...others] = batch;
    const isLast = isRefusal(error) || !isTransient(error);
    if (only && others.length === 0) {
      if (!isLast && !isTooLong(error, attempt)) return false;
      only.reject(error);
      return true;
    }
    if (!isLast && !isTimeout(error)) return false;
    for (const pending of batch) void this.#sendAlone(pending);
    return true;
  }
}

/** Waiting commits by tenant, taken in turns. */
class TenantQueues {
  /** The queues by tenant; the tenant served longest ago comes first. */
  readonly #queues = new Map<string, Pending[]>();
  readonly #byRun = new Map<string, Pending>();
  size = 0;

  /**
   * Removes the waiting commit of an older claim of the same run, and returns it. One call must not
   * carry two commits of a run: both are matched with their results by its id.
   */
  removeOlder({ id }: Commit): Pending | undefined {
    const older = this.#byRun.get(id);
    const queue = older && this.#queues.get(older.tenant);
    if (!older || !queue) return undefined;
    queue.splice(queue.indexOf(older), 1);
    if (queue.length === 0) this.#queues.delete(older.tenant);
    this.#byRun.delete(id);
    this.size -= 1;
    return older;
  }

  push(pending: Pending): void {
    const queue = this.#queues.get(pending.tenant);
    if (queue) queue.push(pending);
    else this.#queues.set(pending.tenant, [pending]);
    this.#byRun.set(pending.commit.id, pending);
    this.size += 1;
  }

  take(most: number): Pending[] {
    const taken: Pending[] = [];
    while (taken.length < most && this.#queues.size > 0) {
      for (const [tenant, queue] of [...this.#queues]) {
        const part = this.#queues.size === 1 ? most - taken.length : 1;
        taken.push(...queue.splice(0, part));
        this.#queues.delete(tenant);
        if (queue.length > 0) this.#queues.set(tenant, queue); // behind the others
        if (taken.length >= most) break;
      }
    }
    for (const { commit } of taken) this.#byRun.delete(commit.id);
    this.size -= taken.length;
    return taken;
  }
}

function isTooLong(error: unknown, attempt: number): boolean {
  return faultOf(error).code === '57014' && attempt >= MAX_TIMEOUTS;
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return sleep(ms, undefined, { signal }).catch(() => {});
}

export const STALE: CommitResult = {
  outcome: 'stale',
  status: 'queued',
  step_count: 0,
  exhausted: null,
  active_ms_left: null,
  has_subscribers: false,
  has_inbox: false,
  is_pause_requested: false,
  over_quota: false,
  are_calls_limited: false,
  settings: null,
  rules_stamp: null,
};
