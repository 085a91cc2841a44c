import { randomUUID } from 'node:crypto';
import { createBatchLoader } from '../../concurrency/batch-loader.ts';
import type { Pool } from '../../db/connection/pool.ts';
import { isRefusal } from '../../db/connection/sqlstate.ts';
import {
  areClaimsLost,
  type Claim,
  type ClaimedRun,
  claimExecutions,
  releaseAll,
  releaseExecution,
  releaseUnknownRuns,
} from '../../db/runs/runs.ts';
import { failpoint } from '../environment/failpoints.ts';
import type { StatementRetries } from '../environment/statement-retries.ts';
import {
  type ClaimedBatch,
  type ClaimReason,
  type ClaimRequest,
  createClaimBatcher,
} from './claim-batcher.ts';

export type ClaimerOptions = {
  pool: Pool;
  /** Connections for claims alone, which do not wait for commits. */
  claimPool: Pool;
  sleep(ms: number): Promise<unknown>;
  /** Returns the claims of all held runs. */
  heldClaims(): Iterable<Claim>;
  /**
   * Reserves up to `most` slots for more runs, until `acceptExtraRuns` is called. Returns the
   * number of reserved slots.
   */
  reserve(most: number): number;
  /** Delivers the runs for the reserved slots, if any. */
  acceptExtraRuns(left: ClaimedBatch): void;
  /** Returns true once nothing more may be claimed. */
  isDraining(): boolean;
  /** Fires when this process has nothing left to tell the database. */
  signal: AbortSignal;
  retries: StatementRetries;
};

// How a run comes to this worker:
//
// 1. A wake-up or an offer asks for a run (`claim`), or the worker looks for due runs
//    (`claimDueRuns`).
// 2. Requests of one turn of the event loop become one claim (claim-batcher.ts). In a backlog the
//    claim also reserves all free slots, for runs whose wake-ups have not come yet.
// 3. Claims and `reconcile` run one at a time (`#afterEarlierClaims`). Requests that come meanwhile
//    wait and share the next claim (`#untilIdle`).
// 4. Requested runs go to their callers; runs for the reserved slots go to `acceptExtraRuns`
//    (`#deliverAndSearchOn`).
// 5. If those runs used all reserved slots, more runs may be due. They are searched for at once,
//    until no run or no slot is left (`#search`).
//
// If the answer to a claim is lost, it is unknown what was claimed. All runs of this worker that
// the process does not know of are then released, before the next claim is sent. `#arriving` has
// the runs that are claimed and not held yet, so that a release does not take them.

/**
 * From this many requested runs (wake-ups and offers) in one claim, there is a backlog: claims also
 * take due runs that nobody requested, until none is left.
 */
const BACKLOG = 4;
const MAX_AT_ONCE = 256;
/** A claim of due runs, without any that was requested. */
const ANY_DUE: ClaimRequest = { ids: [], offered: [] };

/** Claims runs under the present id of this process, and releases them. */
export class Claimer {
  /** Claims the run, or another one whose turn it is. Resolves with undefined if there is none. */
  readonly claim: (id: string, reason?: ClaimReason) => Promise<ClaimedRun | undefined>;
  /**
   * Returns whether this worker has lost the claim. Rejects if the database cannot say. One query
   * answers for all claims of a moment.
   */
  readonly hasLost: (claim: Claim) => Promise<boolean>;
  readonly #options: ClaimerOptions;
  /** Claims of runs that have not started yet. */
  readonly #arriving = new Set<Claim>();
  /** The id under which runs are claimed; until there is one, an id of no worker. */
  #worker: string = randomUUID();
  #workerIdReady = Promise.withResolvers<void>();
  #lastServedTenant: string | null = null;
  #isBacklog = false;
  /** Settles when all earlier claims are over, including the release after a lost answer. */
  #queueTail: Promise<unknown> = Promise.resolve();

  constructor(options: ClaimerOptions) {
    this.#options = options;
    this.hasLost = createBatchLoader((claims: Claim[]) =>
      areClaimsLost(options.pool, this.#worker, claims),
    );
    this.claim = createClaimBatcher(
      (request) => this.#claimRequested(request),
      (left) => this.#deliverAndSearchOn(left),
      () => this.#untilIdle(),
    );
  }

  /** The id under which runs are claimed now. */
  get worker(): string {
    return this.#worker;
  }

  /** The tenant whose run was claimed last. The turn is with the tenants after it. */
  get lastServedTenant(): string | null {
    return this.#lastServedTenant;
  }

  /**
   * Sets a new id. Null means that there is none: nothing is claimed, and the runs of the id before
   * are released.
   */
  setWorkerId(id: string | null): void {
    const before = this.#worker;
    this.#worker = id ?? randomUUID();
    if (id === null) {
      this.#workerIdReady = Promise.withResolvers();
      void this.#retryRelease((pool) => releaseAll(pool, before));
    } else {
      this.#workerIdReady.resolve();
    }
  }

  /** Ends all waits for an id. */
  stop(): void {
    this.#workerIdReady.resolve();
  }

  /** Claims due runs for this worker without their wake-ups, as many as there is room for. */
  async claimDueRuns(): Promise<'found' | 'nothing' | 'no_room'> {
    await this.#untilIdle();
    const reservedSlots = this.#options.reserve(MAX_AT_ONCE);
    if (reservedSlots === 0) return 'no_room';
    const runs = await this.#search(reservedSlots);
    return runs.length > 0 ? 'found' : 'nothing';
  }

  /** Ends the arrival of a run: it has started, or will not start. */
  endArrival(claim: Claim): void {
    this.#arriving.delete(claim);
  }

  /**
   * Releases a claim unless it was lost. The same worker may have claimed the run again by then.
   */
  release(claimed: ClaimedRun, owner: string, isCrash = false): Promise<void> {
    return this.#retryRelease((pool) => releaseExecution(pool, owner, claimed, isCrash));
  }

  /** Claims requested runs. In a backlog, claims more runs for all free slots. */
  async #claimRequested(request: ClaimRequest): Promise<ClaimedBatch> {
    const isBacklog = this.#isBacklog || request.ids.length >= BACKLOG;
    const reservedSlots = isBacklog ? this.#options.reserve(MAX_AT_ONCE) : 0;
    try {
      const runs = await this.#afterEarlierClaims(() =>
        this.#claimUntilAnswered(request, reservedSlots),
      );
      return { runs, reservedSlots };
    } catch (error) {
      this.#options.acceptExtraRuns({ runs: [], reservedSlots });
      throw error;
    }
  }

  /**
   * Claims due runs for reserved slots. Delivers them before the next claim is sent, which then
   * finds the slots that were not used.
   */
  #search(reservedSlots: number): Promise<ClaimedRun[]> {
    return this.#afterEarlierClaims(async () => {
      // after a rejected claim, wake-ups still come
      const runs = await this.#claimUntilAnswered(ANY_DUE, reservedSlots).catch(() => []);
      this.#deliverAndSearchOn({ runs, reservedSlots });
      return runs;
    });
  }

  /**
   * Delivers the runs for reserved slots. If all these slots were used, more runs may be due. They
   * are searched for at once, until there are no more runs or slots.
   */
  #deliverAndSearchOn(batch: ClaimedBatch): void {
    this.#options.acceptExtraRuns(batch);
    if (batch.reservedSlots === 0) return;
    this.#isBacklog = batch.runs.length === batch.reservedSlots;
    const reservedSlots = this.#isBacklog ? this.#options.reserve(MAX_AT_ONCE) : 0;
    if (reservedSlots > 0) void this.#search(reservedSlots);
  }

  /** Does work while no claim and no release of unknown runs is under way. */
  #afterEarlierClaims<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#queueTail.then(work);
    this.#queueTail = result.catch(() => {});
    return result;
  }

  /** Waits until no claim is under way or waiting. */
  async #untilIdle(): Promise<void> {
    for (let last: unknown; last !== this.#queueTail; ) {
      last = this.#queueTail;
      await last;
    }
  }

  /**
   * Releases runs that this worker owns and does not know of. A claim whose answer was lost may
   * have committed after the first attempt to release its runs.
   */
  reconcile(): Promise<number> {
    const { pool, heldClaims } = this.#options;
    return this.#afterEarlierClaims(() =>
      releaseUnknownRuns(pool, this.#worker, [...heldClaims(), ...this.#arriving]),
    );
  }

  /**
   * Repeats a claim until there is an answer. Without an answer it is unknown what was claimed, so
   * all of it is released.
   */
  async #claimUntilAnswered(request: ClaimRequest, room: number): Promise<ClaimedRun[]> {
    const { claimPool, heldClaims, sleep, isDraining, retries } = this.#options;
    for (let attempt = 1; ; attempt += 1) {
      await this.#workerIdReady.promise;
      const owner = this.#worker;
      if (isDraining()) {
        return [];
      }
      try {
        const runs = await claimExecutions(claimPool, owner, request, this.#lastServedTenant, room);
        retries.recordSuccess('claim');
        await (runs.length > 0 ? failpoint('claim.after') : undefined);
        if (owner === this.#worker) {
          this.#lastServedTenant = runs.at(-1)?.tenant_id ?? this.#lastServedTenant;
          runs.forEach((run) => void this.#arriving.add(run));
          return runs;
        }
      } catch (error) {
        if (isRefusal(error)) {
          throw error;
        }
        await sleep(retries.recordFailure({ what: 'claim', error, attempt }));
      }
      await this.#retryRelease((database) =>
        releaseUnknownRuns(database, owner, [...heldClaims(), ...this.#arriving]),
      );
    }
  }

  /** Repeats a statement until it succeeds, since a run that stays claimed would never continue. */
  async #retryRelease(release: (pool: Pool) => Promise<unknown>): Promise<void> {
    const { pool, sleep, signal, retries } = this.#options;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      try {
        await release(pool);
        retries.recordSuccess('release');
        return;
      } catch (error) {
        await sleep(retries.recordFailure({ what: 'release', error, attempt }));
      }
    }
  }
}
